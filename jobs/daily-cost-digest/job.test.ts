import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJsonlAuditReader } from '#audit/read/jsonl-audit-reader';
import type { CostWeights } from '#finops/cost-weights';
import {
  type AuditEventLine,
  auditEvent,
  jsonLines,
  writeGzipDays,
  writeJsonlDays,
  writeParquetDays,
} from '#test/support/audit-events';
import { type RunJobOptions, runJob } from '#test/support/job-harness';
import { job } from './job.ts';

const SCHEDULED_FOR = new Date('2026-11-12T09:00:00Z');
const HOUR_MS = 3_600_000;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-digest-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const WEIGHTS: CostWeights = {
  defaults: { cost_per_call: 1, cost_per_ms: 0.001 },
  tools: { chat: { cost_per_call: 2.5, cost_per_ms: 0.002 } },
  budgets: [{ name: 'all', period: 'monthly', limit_units: 100 }],
};

/** Twenty calls an hour for the last ten days, and a burst of one agent two hours before the end. */
const history = (): readonly AuditEventLine[] => {
  const events: AuditEventLine[] = [];
  for (let hour = 10 * 24; hour > 0; hour -= 1) {
    const burst = hour === 2 ? 100 : 0;
    for (let n = 0; n < 20 + burst; n += 1) {
      const ts = new Date(SCHEDULED_FOR.getTime() - hour * HOUR_MS + n * 20_000).toISOString();
      events.push(
        auditEvent({
          ts,
          req_id: `r-${hour}-${n}`,
          tool: n % 3 === 0 ? 'chat' : `tool_${n % 13}`,
          agent_id: n < 20 ? `agent-${n % 4}` : 'agent-0',
          user_id: `user-${n % 15}`,
          workspace_id: `w${n % 2}`,
          status: n % 10 === 0 ? 'error' : n % 17 === 0 ? 'denied' : 'pass',
          duration_ms: (n * 37 + hour * 11) % 900,
        }),
      );
    }
  }
  return events;
};

const reader = (directory: string) =>
  createJsonlAuditReader({ directory, whenMissing: 'empty', tempDir: path.join(root, 'tmp') });

const digest = (
  directory: string,
  options: Partial<RunJobOptions<typeof job.inputs, 'audit'>> = {},
) =>
  runJob(job, {
    scheduledFor: SCHEDULED_FOR,
    stores: { audit: reader(directory) },
    policies: { cost_weights: WEIGHTS },
    ...options,
  });

describe('daily-cost-digest', () => {
  it('gives the same bytes from every form of the files, each time, and after later calls', async () => {
    const events = history();
    const dirs = {
      jsonl: path.join(root, 'a'),
      gzip: path.join(root, 'b'),
      parquet: path.join(root, 'c'),
    };
    await writeJsonlDays(dirs.jsonl, events);
    await writeGzipDays(dirs.gzip, events);
    await writeParquetDays(dirs.parquet, events);
    const first = await digest(dirs.jsonl);
    expect(first.files).toHaveLength(5);
    expect((await digest(dirs.gzip)).files).toEqual(first.files);
    expect((await digest(dirs.parquet)).files).toEqual(first.files);
    await appendFile(
      path.join(dirs.jsonl, 'tool_audit_2026-11-12.jsonl'),
      jsonLines([auditEvent({ ts: '2026-11-12T09:00:00.000Z' }), { ts: '2026-11-12T10:00:00Z' }]),
    );
    expect((await digest(dirs.jsonl, { now: new Date('2027-01-01T00:00:00Z') })).files).toEqual(
      first.files,
    );
    expect(first.report?.jsonText).not.toMatch(/run_|jsonl|postgres/);
  }, 120_000);

  it('reports what happened', async () => {
    await writeJsonlDays(root, history());
    const { outcome, report } = await digest(root);
    expect(outcome).toEqual({
      kind: 'succeeded',
      summary: {
        calls: 580,
        cost_units: expect.any(Number),
        anomalies: expect.any(Number),
        rejected_lines: 0,
        source_backend: 'jsonl',
      },
    });
    expect(Object.keys(report?.json ?? {}).slice(0, 4)).toEqual([
      'report',
      'scheduled_for',
      'time_range',
      'totals',
    ]);
    expect(report?.json).toMatchObject({
      time_range: { from: '2026-11-11T09:00:00.000Z', to: '2026-11-12T09:00:00.000Z' },
      totals: { calls: 580, failed: 58 },
      partial: false,
      comparisons: { previous: { calls: 480 }, same_weekday: { calls: 480 } },
      budgets: [{ name: 'all', state: 'exceeded' }],
      forecast: { month: '2026-11', mean_of_days: 7 },
    });
    expect(report?.json).toMatchObject({
      anomalies: expect.arrayContaining([
        expect.objectContaining({
          key: 'agent-0',
          kind: 'cost_spike',
          window: expect.objectContaining({ from: '2026-11-12T07:00:00.000Z' }),
        }),
      ]),
    });
    const markdown = report?.markdown ?? '';
    for (const link of markdown.matchAll(/!\[[^\]]*\]\(report\.assets\/([^)]+)\)/g)) {
      expect(Object.keys(report?.assets ?? {})).toContain(link[1]);
    }
    expect(markdown).toContain('*4 others*');
    expect(markdown).toContain('**exceeded**');
    expect(markdown).not.toMatch(/NaN|undefined|Infinity|null/);
  });

  it('says that there is nothing, not that all is lost', async () => {
    const { outcome, report } = await digest(path.join(root, 'none'));
    expect(outcome).toMatchObject({ kind: 'succeeded', summary: { calls: 0, cost_units: 0 } });
    expect(report?.markdown).toContain('**No tool calls in this period.**');
    expect(report?.markdown).not.toMatch(/NaN|-100|Infinity|!\[/);
    expect(report?.json).toMatchObject({
      totals: { calls: 0 },
      comparisons: { previous: { calls: 0, cost_change: null } },
      forecast: { forecast_units: null },
    });
  });

  it('says no data for a day without one to compare with', async () => {
    await writeJsonlDays(root, [auditEvent({ ts: '2026-11-12T08:00:00Z' })]);
    const { report } = await digest(root);
    expect(report?.markdown).toContain(
      'no data for the previous day; no data for the same day last week',
    );
  });

  it('takes other windows and compares them with the ones before', async () => {
    await writeJsonlDays(root, history());
    const week = await digest(root, { inputs: { window_hours: 168 } });
    expect(week.report?.json).toMatchObject({
      totals: { calls: 168 * 20 + 100 },
      comparisons: { same_weekday: null },
    });
    const hour = await digest(root, { inputs: { window_hours: 1 } });
    expect(hour.report?.json).toMatchObject({
      totals: { calls: 20 },
      comparisons: { previous: { calls: 120 } },
    });
    await expect(digest(root, { inputs: { window_hours: 745 } })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it('counts the good lines, names the bad ones, and goes on', async () => {
    const file = path.join(root, 'tool_audit_2026-11-12.jsonl');
    await writeFile(file, `${jsonLines([auditEvent({ ts: '2026-11-12T08:00:00Z' })])}oops\n`);
    const { outcome, report, log } = await digest(root);
    expect(outcome).toMatchObject({ summary: { calls: 1, rejected_lines: 1 } });
    expect(outcome).not.toHaveProperty('partial');
    expect(report?.json).toMatchObject({
      input_problems: {
        rejected_lines: 1,
        first: [{ file: 'tool_audit_2026-11-12.jsonl', line: 2, reason: 'is not a JSON object' }],
      },
    });
    expect(report?.markdown).toContain('tool_audit_2026-11-12.jsonl:2');
    expect(log).toMatchObject([{ level: 'warn' }]);
  });

  it('says when it is made from incomplete data', async () => {
    await writeFile(
      path.join(root, 'tool_audit_2026-11-12.jsonl.gz'),
      Buffer.from([0x1f, 0x8b, 8]),
    );
    const { outcome, report } = await digest(root);
    expect(outcome).toMatchObject({ kind: 'succeeded', partial: true });
    expect(report?.json).toMatchObject({ partial: true });
    expect(report?.markdown).toContain('**Incomplete.**');
  });

  it('knows the same hour of earlier weeks, and leaves the days between them alone', async () => {
    const weekly = Array.from({ length: 7 }, (_, week) =>
      Array.from({ length: week === 0 ? 100 : 20 }, (_n, n) =>
        auditEvent({
          ts: new Date(
            SCHEDULED_FOR.getTime() - week * 7 * 24 * HOUR_MS - HOUR_MS + n * 30_000,
          ).toISOString(),
          req_id: `w-${week}-${n}`,
        }),
      ),
    ).flat();
    await writeJsonlDays(root, weekly);
    await writeFile(path.join(root, 'tool_audit_2026-10-25.jsonl'), 'never looked at\n');
    const { report } = await digest(root);
    expect(report?.json).toMatchObject({
      input_problems: { rejected_lines: 0 },
      anomalies: expect.arrayContaining([
        expect.objectContaining({
          kind: 'cost_spike',
          dimension: 'agent_id',
          method: 'robust',
          samples: 6,
          ratio: 5,
        }),
      ]),
    });
    expect(report?.markdown).toContain('6 × same time of earlier weeks');
    await appendFile(path.join(root, 'tool_audit_2026-10-15.jsonl'), 'looked at\n');
    const again = await digest(root);
    expect(again.report?.json).toMatchObject({ input_problems: { rejected_lines: 1 } });
  });

  it('shows hostile names as text', async () => {
    const hostile = '|<img src=x onerror=alert(1)>\n# owned ![x](http://evil/)';
    await writeJsonlDays(root, [
      auditEvent({ ts: '2026-11-12T08:00:00Z', tool: hostile, agent_id: hostile }),
    ]);
    const { report } = await digest(root);
    expect(report?.markdown).not.toMatch(/<img|\n# owned|http:\/\/evil|[^\\]!\[x\]/);
    expect(report?.assets['top-tools.svg']).not.toContain('<img');
  });

  it('writes nothing in a dry-run and lists what it would write', async () => {
    await writeJsonlDays(root, [auditEvent({ ts: '2026-11-12T08:00:00Z' })]);
    const repoRoot = path.join(root, 'repo');
    const { effects, outcome } = await digest(root, { dryRun: true, repoRoot });
    expect(outcome.kind).toBe('succeeded');
    expect(effects.map(({ effect, path: file }) => `${effect} ${String(file)}`)).toEqual([
      'write_report ops/reports/job/report.assets/hourly-calls.svg',
      'write_report ops/reports/job/report.assets/hourly-cost.svg',
      'write_report ops/reports/job/report.assets/top-tools.svg',
      'write_report ops/reports/job/report.json',
      'write_report ops/reports/job/report.md',
    ]);
    await expect(readdir(repoRoot)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
