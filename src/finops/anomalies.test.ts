import { describe, expect, it } from 'vitest';
import { type AnomalyDimension, findAnomalies, type WindowSeries } from './anomalies.ts';
import { type CostFigure, NO_CALLS } from './cost-figures.ts';
import { anomalyRuleOf } from './cost-weights.ts';
import { createPricer } from './price.ts';

const PRICER = createPricer({ defaults: { cost_per_call: 1, cost_per_ms: 0 } });
const RULE = anomalyRuleOf({});
const HOUR_MS = 3_600_000;
const BASELINE = 24;

const calls = (count: number, failed = 0): CostFigure => ({
  ...NO_CALLS,
  calls: count,
  failed,
  cost: PRICER.costOf(undefined, { calls: count, durationMs: 0 }),
});

const hours = (count: number, each: CostFigure): readonly CostFigure[] =>
  Array.from({ length: count }, () => each);

const find = (
  subjects: Readonly<Record<string, readonly CostFigure[]>>,
  dimension: AnomalyDimension = 'tool',
  rule = RULE,
) => {
  const entries = Object.entries(subjects);
  const length = entries[0]?.[1].length ?? 0;
  const series: WindowSeries = {
    startAt: new Date('2026-11-03T00:00:00Z'),
    windowMs: HOUR_MS,
    baselineWindows: BASELINE,
    allCalls: Array.from({ length }, (_, index) =>
      entries.reduce((sum, [, windows]) => sum + (windows[index]?.calls ?? 0), 0),
    ),
    subjects: entries.map(([key, windows]) => ({ dimension, key, windows })),
  };
  return findAnomalies(series, rule, PRICER);
};

describe('anomalies', () => {
  it('finds a window that costs three times its baseline, and says how much', () => {
    const found = find({ steady: [...hours(24, calls(20)), calls(20), calls(60), calls(20)] });
    expect(found).toEqual([
      {
        kind: 'cost_spike',
        dimension: 'tool',
        key: 'steady',
        from: '2026-11-04T01:00:00.000Z',
        to: '2026-11-04T02:00:00.000Z',
        calls: 60,
        cost_units: 60,
        failed: 0,
        peak: { from: '2026-11-04T01:00:00.000Z', value: 60, baseline: 20, ratio: 3 },
      },
    ]);
  });

  it('stays quiet just below the ratio, below the minimum of calls, and below the minimum of cost', () => {
    expect(find({ a: [...hours(24, calls(20)), calls(59)] })).toEqual([]);
    expect(find({ a: [...hours(24, calls(1)), calls(9)] })).toEqual([]);
    expect(
      find({ a: [...hours(24, calls(1)), calls(11)] }, 'tool', { ...RULE, minCostUnits: 12 }),
    ).toEqual([]);
  });

  it('joins windows that follow each other and shows the worst', () => {
    const [spike, ...others] = find({
      a: [...hours(24, calls(10)), calls(50), calls(90), calls(10)],
    });
    expect(others).toEqual([]);
    expect(spike).toMatchObject({
      from: '2026-11-04T00:00:00.000Z',
      to: '2026-11-04T02:00:00.000Z',
      calls: 140,
      peak: { from: '2026-11-04T01:00:00.000Z', value: 90 },
    });
  });

  it('reports a new spender once and then compares it with itself', () => {
    const quiet = hours(24, calls(5));
    const found = find({
      old: [...quiet, ...hours(4, calls(5))],
      fresh: [...hours(24, NO_CALLS), NO_CALLS, calls(30), calls(32), calls(28)],
    });
    expect(found).toMatchObject([
      {
        kind: 'new_spender',
        key: 'fresh',
        from: '2026-11-04T01:00:00.000Z',
        to: '2026-11-04T02:00:00.000Z',
        peak: { ratio: null, baseline: 0, value: 30 },
      },
    ]);
  });

  it('calls nobody new in the first window of all', () => {
    expect(find({ a: [...hours(24, NO_CALLS), calls(50), calls(50)] })).toEqual([]);
    expect(find({ a: hours(30, NO_CALLS) })).toEqual([]);
  });

  it('finds errors that rise, also from none', () => {
    const rising = find({ a: [...hours(24, calls(20, 1)), calls(20, 8)] }, 'agent_id');
    expect(rising).toMatchObject([
      {
        kind: 'error_rate_spike',
        dimension: 'agent_id',
        peak: { value: 0.4, baseline: 0.05, ratio: 8 },
      },
    ]);
    const first = find({ a: [...hours(24, calls(20)), calls(20, 5)] });
    expect(first).toMatchObject([{ kind: 'error_rate_spike', peak: { baseline: 0, ratio: null } }]);
    expect(find({ a: [...hours(24, calls(20)), calls(20, 4)] })).toEqual([]);
  });

  it('forgets what is older than the baseline', () => {
    const found = find({ a: [calls(1000), ...hours(24, calls(10)), calls(40)] });
    expect(found).toMatchObject([{ kind: 'cost_spike', peak: { baseline: 10, ratio: 4 } }]);
  });

  it('orders by cost, then by name', () => {
    const spike = (height: number) => [...hours(24, calls(10)), calls(height)];
    expect(find({ b: spike(50), c: spike(90), a: spike(50) }).map(({ key }) => key)).toEqual([
      'c',
      'a',
      'b',
    ]);
  });
});
