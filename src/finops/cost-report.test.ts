import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditDimension } from '#audit/audit-store';
import { auditEvent } from '#test/support/audit-events';
import { memoryAuditView } from '#test/support/memory-audit-view';
import { buildCostReport, type CostReportQuery, OTHERS_KEY } from './cost-report.ts';
import type { CostWeights } from './cost-weights.ts';
import { parseDecimal, rescale } from './decimal.ts';
import { createPricer } from './price.ts';

const RANGE = { from: new Date('2026-11-04T09:00:00Z'), to: new Date('2026-11-05T09:00:00Z') };
const DIMENSIONS: readonly AuditDimension[] = [
  'tool',
  'agent_id',
  'user_id',
  'workspace_id',
  'status',
];

const query = (given: Partial<CostReportQuery> = {}): CostReportQuery => ({
  ...RANGE,
  groupBy: DIMENSIONS,
  topN: 10,
  failedCalls: 'included',
  hourly: 'included',
  ...given,
});

const price = fc.integer({ min: 0, max: 9999 }).map((n) => n / 1000);
const weights: fc.Arbitrary<CostWeights> = fc.record({
  defaults: fc.record({ cost_per_call: price, cost_per_ms: price }),
  tools: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.record({ cost_per_call: price })),
});
const events = fc.array(
  fc
    .record({
      ts: fc
        .integer({ min: RANGE.from.getTime(), max: RANGE.to.getTime() - 1 })
        .map((ms) => new Date(ms).toISOString()),
      tool: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      agent_id: fc.constantFrom('x', 'y', 'z'),
      user_id: fc.constantFrom('u1', 'u2', 'u3', 'u4'),
      status: fc.constantFrom('pass', 'error', 'denied', 'timeout', 'strange'),
      duration_ms: fc.nat(100_000),
    })
    .map((given) => auditEvent(given)),
  { maxLength: 50 },
);

/** Sums as decimals, since doubles would round. */
const total = (values: readonly number[]): bigint =>
  values.reduce((sum, value) => sum + rescale(parseDecimal(value), 6), 0n);

describe('the cost report', () => {
  it('has totals that equal the sum of each breakdown and of the hours, whatever is shown', async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        weights,
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('included' as const, 'left_out' as const),
        async (calls, costWeights, topN, failedCalls) => {
          const { report } = await buildCostReport(
            memoryAuditView(calls),
            createPricer(costWeights),
            query({ topN, failedCalls }),
          );
          const { totals } = report;
          for (const dimension of DIMENSIONS) {
            const rows = report.breakdowns[dimension] ?? [];
            expect(rows.length).toBeLessThanOrEqual(topN + 1);
            expect(total(rows.map((row) => row.cost_units))).toBe(total([totals.cost_units]));
            expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(totals.calls);
            expect(rows.reduce((sum, row) => sum + row.failed, 0)).toBe(totals.failed);
            expect(rows.reduce((sum, row) => sum + row.denied, 0)).toBe(totals.denied);
            expect(rows.reduce((sum, row) => sum + row.unpriced_calls, 0)).toBe(
              totals.unpriced_calls,
            );
          }
          expect(total((report.hourly ?? []).map((row) => row.cost_units))).toBe(
            total([totals.cost_units]),
          );
          expect((report.hourly ?? []).reduce((sum, row) => sum + row.unpriced_calls, 0)).toBe(
            totals.unpriced_calls,
          );
          expect(report.hourly).toHaveLength(24);
          if (failedCalls === 'left_out') expect(totals.failed).toBe(0);
        },
      ),
    );
  });

  it('names things as the wire does', async () => {
    const { report } = await buildCostReport(
      memoryAuditView([
        auditEvent({ ts: '2026-11-04T10:00:00Z', duration_ms: 500 }),
        auditEvent({ ts: '2026-11-04T10:30:00Z', status: 'timeout', duration_ms: 1500 }),
        auditEvent({ ts: '2026-11-04T11:30:00Z', tool: 'mail', status: 'denied', duration_ms: 0 }),
      ]),
      createPricer({ tools: { mail: { cost_per_call: 0.5 } } }),
      query({ groupBy: ['tool'] }),
    );
    expect(report.time_range).toEqual({
      from: '2026-11-04T09:00:00.000Z',
      to: '2026-11-05T09:00:00.000Z',
    });
    expect(report.totals).toEqual({
      calls: 3,
      cost_units: 4.5,
      failed: 1,
      denied: 1,
      error_rate: 0.333333,
      unpriced_calls: 2,
    });
    expect(report.breakdowns.tool).toEqual([
      {
        tool: 'search',
        count: 2,
        cost_units: 4,
        avg_duration_ms: 1000,
        p95_duration_ms: 1450,
        failed: 1,
        denied: 0,
        unpriced_calls: 2,
      },
      {
        tool: 'mail',
        count: 1,
        cost_units: 0.5,
        avg_duration_ms: 0,
        p95_duration_ms: 0,
        failed: 0,
        denied: 1,
        unpriced_calls: 0,
      },
    ]);
    expect(report.hourly?.[1]).toEqual({
      ts: '2026-11-04T10:00:00.000Z',
      calls: 2,
      cost_units: 4,
      failed: 1,
      denied: 0,
      unpriced_calls: 2,
    });
  });

  it('sums up what is beyond the top in a row that says how many it holds', async () => {
    const calls = ['a', 'b', 'c', 'd'].map((tool, n) =>
      auditEvent({ ts: '2026-11-04T10:00:00Z', tool, duration_ms: 1000 * n }),
    );
    const { report } = await buildCostReport(
      memoryAuditView(calls),
      createPricer({}),
      query({ groupBy: ['tool'], topN: 2 }),
    );
    expect(
      report.breakdowns.tool?.map((row) => [row['tool'], row.cost_units, row['others']]),
    ).toEqual([
      ['d', 4, undefined],
      ['c', 3, undefined],
      [OTHERS_KEY, 3, 2],
    ]);
  });

  it('breaks ties of cost by name', async () => {
    const calls = ['b', 'a', 'c'].map((tool) => auditEvent({ ts: '2026-11-04T10:00:00Z', tool }));
    const { report } = await buildCostReport(
      memoryAuditView(calls),
      createPricer({}),
      query({ groupBy: ['tool'] }),
    );
    expect(report.breakdowns.tool?.map((row) => row['tool'])).toEqual(['a', 'b', 'c']);
  });

  it('has no rates of nothing', async () => {
    const { report } = await buildCostReport(memoryAuditView([]), createPricer({}), query());
    expect(report.totals).toEqual({
      calls: 0,
      cost_units: 0,
      failed: 0,
      denied: 0,
      error_rate: 0,
      unpriced_calls: 0,
    });
    expect(report.breakdowns.tool).toEqual([]);
  });
});
