import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJsonlAuditReader } from '#audit/read/jsonl-audit-reader';
import { loadPolicy } from '#config/policy-files';
import { packageRoot } from '#core/package-root';
import { COST_WEIGHTS } from '#finops/cost-weights';
import { RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import { auditEvent, writeJsonlDays } from '#test/support/audit-events';
import { FakeClock } from '#test/support/fake-clock';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';
import { createCostTool } from './cost-tool.ts';

const NOW = new Date('2026-11-12T09:00:30.500Z');
const HOUR_MS = 3_600_000;
const WEIGHTS = 'tools:\n  chat: { cost_per_call: 3 }\n';

let site: TestGateway;
let root: string;
const weightsFile = (): string => path.join(root, 'cost_weights.yml');

/** Ten calls an hour for two days, and a burst of one agent in the last one. */
const history = () =>
  Array.from({ length: 49 }, (_, hour) => hour).flatMap((hour) =>
    Array.from({ length: hour === 0 ? 60 : 10 }, (_, n) =>
      auditEvent({
        ts: new Date(NOW.getTime() - hour * HOUR_MS - (n + 1) * 20_000).toISOString(),
        req_id: `r-${hour}-${n}`,
        tool: n % 5 === 0 ? 'chat' : `tool_${n % 3}`,
        agent_id: n >= 10 ? 'eager' : `agent-${n % 2}`,
        user_id: `user-${n % 4}`,
        status: n % 10 === 1 ? 'timeout' : n % 10 === 2 ? 'denied' : 'pass',
        duration_ms: 1000,
      }),
    ),
  );

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'opsloop-cost-tool-'));
  await writeFile(weightsFile(), WEIGHTS);
  await writeJsonlDays(path.join(root, 'audit'), history());
  const matrix = await loadPolicy({
    dir: path.join(packageRoot(), 'config'),
    name: 'rbac_tools_matrix',
    schema: RBAC_MATRIX_SCHEMA,
  });
  const tool = createCostTool({
    audit: createJsonlAuditReader({
      directory: path.join(root, 'audit'),
      whenMissing: 'fail',
      tempDir: path.join(root, 'tmp'),
    }),
    loadWeights: () => loadPolicy({ dir: root, name: 'cost_weights', schema: COST_WEIGHTS }),
    clock: new FakeClock(NOW.toISOString()),
  });
  site = await startTestGateway({
    change: (defaults) => ({
      ...defaults,
      tools: [...defaults.tools, tool],
      matrix: {
        ...defaults.matrix,
        tools: {
          ...defaults.matrix.tools,
          cost_analyzer_tool: matrix.tools['cost_analyzer_tool'] ?? { actions: {} },
        },
      },
    }),
  });
});
afterAll(async () => {
  await site.stop();
  await rm(root, { recursive: true, force: true });
});

type Json = Record<string, unknown>;

const ask = async (
  action: string,
  params: object = {},
): Promise<{ status: number; body: Json }> => {
  const answer = await fetch(`${site.url}/v1/tools/cost_analyzer_tool`, {
    method: 'POST',
    headers: { 'x-api-key': GATEWAY_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ action, params }),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
};

const DAY = { from: '2026-11-11T09:00:00Z', to: '2026-11-12T09:00:00Z' };

describe('report', () => {
  it('answers totals, the breakdowns that were asked for, and where they come from', async () => {
    const { status, body } = await ask('report', {
      time_range: DAY,
      group_by: ['tool', 'agent_id'],
      include_hourly: true,
    });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual([
      'time_range',
      'totals',
      'breakdowns',
      'hourly',
      'source_backend',
      'partial',
    ]);
    expect(body).toMatchObject({
      time_range: { from: '2026-11-11T09:00:00.000Z', to: '2026-11-12T09:00:00.000Z' },
      source_backend: 'jsonl',
      partial: false,
    });
    const totals = body['totals'] as Record<string, number>;
    expect(Object.keys(totals)).toEqual([
      'calls',
      'cost_units',
      'failed',
      'denied',
      'error_rate',
      'unpriced_calls',
    ]);
    const breakdowns = body['breakdowns'] as Record<string, readonly Record<string, number>[]>;
    expect(Object.keys(breakdowns)).toEqual(['tool', 'agent_id']);
    for (const rows of Object.values(breakdowns)) {
      const sum = (field: string) => rows.reduce((total, row) => total + (row[field] ?? 0), 0);
      expect(sum('count')).toBe(totals['calls']);
      expect(sum('unpriced_calls')).toBe(totals['unpriced_calls']);
      expect(sum('cost_units')).toBe(totals['cost_units']);
    }
    expect(body['hourly']).toHaveLength(24);
  });

  it('leaves failed calls out, cuts at top_n, and takes the last hours by default', async () => {
    const { body } = await ask('report', {
      include_failed: false,
      top_n: 1,
      group_by: ['user_id'],
    });
    expect(body).toMatchObject({
      time_range: { from: '2026-11-11T09:00:30.500Z', to: '2026-11-12T09:00:30.500Z' },
      totals: { failed: 0, error_rate: 0 },
      breakdowns: { user_id: [{}, { user_id: '(others)', others: 3 }] },
    });
    expect(body).not.toHaveProperty('hourly');
    const hour = await ask('report', { window_hours: 1 });
    expect(hour.body).toMatchObject({ totals: { calls: 60 } });
  });

  it.each([
    ['from after to', { time_range: { from: DAY.to, to: DAY.from } }, '$.params.time_range.from'],
    [
      'more than 744 hours',
      { time_range: { from: '2026-10-12T08:59:59Z', to: DAY.to } },
      '$.params.time_range',
    ],
    ['an unknown group_by', { group_by: ['team'] }, '$.params.group_by'],
    [
      'a range that is none',
      { time_range: { from: 'yesterday', to: DAY.to } },
      '$.params.time_range.from',
    ],
    ['two ranges', { time_range: DAY, window_hours: 3 }, '$.params.window_hours'],
    ['745 window_hours', { window_hours: 745 }, '$.params.window_hours'],
    ['a misspelt parameter', { groupby: ['tool'] }, '$.params.groupby'],
  ])('refuses %s and says where', async (_what, params, place) => {
    const { status, body } = await ask('report', params);
    expect(status).toBe(422);
    const { violations } = body['error'] as { violations: { path: string; message: string }[] };
    expect(violations[0]?.path.startsWith(place)).toBe(true);
    expect(violations[0]?.message).not.toBe('');
  });

  it('takes a window of exactly 744 hours, and one of nothing', async () => {
    const longest = { from: '2026-10-12T09:00:00Z', to: DAY.to };
    expect((await ask('report', { time_range: longest })).status).toBe(200);
    const empty = await ask('report', { time_range: { from: DAY.to, to: DAY.to } });
    expect(empty.body).toMatchObject({
      totals: { calls: 0, cost_units: 0 },
      breakdowns: { tool: [] },
    });
  });
});

describe('the other actions', () => {
  it('top names the dearest without a row for the rest', async () => {
    const { body } = await ask('top', { top_n: 1 });
    expect(body).toMatchObject({
      top_tools: [{ tool: 'chat' }],
      top_agents: [{ agent_id: expect.any(String) }],
      top_users: [{ user_id: 'user-0' }],
      top_workspaces: [{ workspace_id: 'w1' }],
      source_backend: 'jsonl',
    });
  });

  it('anomalies finds the burst of the last hour, and nothing by a higher threshold', async () => {
    const { body } = await ask('anomalies');
    expect(body).toMatchObject({ window_minutes: 60, baseline_hours: 24, min_calls: 10 });
    expect(body['anomalies']).toContainEqual(
      expect.objectContaining({
        kind: 'new_spender',
        dimension: 'agent_id',
        key: 'eager',
        window: { from: '2026-11-12T08:00:30.500Z', to: '2026-11-12T09:00:30.500Z' },
      }),
    );
    expect(body['anomalies']).toContainEqual(
      expect.objectContaining({ kind: 'cost_spike', dimension: 'workspace_id', ratio: 6 }),
    );
    const calm = await ask('anomalies', { ratio_threshold: 7 });
    expect(calm.body['anomalies']).not.toContainEqual(
      expect.objectContaining({ kind: 'cost_spike', dimension: 'workspace_id' }),
    );
  });

  it('weights shows the policy with its defaults', async () => {
    const { body } = await ask('weights');
    expect(body).toMatchObject({
      defaults: { cost_per_call: 1, cost_per_ms: 0.001 },
      tools: { chat: { cost_per_call: 3, cost_per_ms: 0.001 } },
      anomalies: { ratio_threshold: 3, robust: { weeks: 8, min_samples: 4 } },
    });
  });

  it('digest carries what the report of the same window says, up to the full minute', async () => {
    const { body } = await ask('digest');
    const range = { from: '2026-11-11T09:00:00.000Z', to: '2026-11-12T09:00:00.000Z' };
    const report = await ask('report', {
      time_range: range,
      group_by: ['tool', 'agent_id', 'user_id', 'workspace_id', 'status'],
    });
    expect(body['time_range']).toEqual(range);
    expect(body['totals']).toEqual(report.body['totals']);
    expect(body['breakdowns']).toEqual(report.body['breakdowns']);
    expect(body['source_backend']).toBe('jsonl');
  });

  it('gate warns and passes', async () => {
    const { body } = await ask('gate');
    expect(body).toMatchObject({ gate: 'cost', mode: 'warn', pass: true });
    const rules = (body['findings'] as { rule: string }[]).map(({ rule }) => rule);
    expect(rules).toEqual(expect.arrayContaining(['COST-SPIKE', 'COST-COVERAGE']));
  });

  it('a broken policy is named with its line, and mending it is enough', async () => {
    try {
      await writeFile(weightsFile(), 'tools:\n  chat: { cost_per_cal: 3 }\n');
      const broken = await ask('report');
      expect(broken.status).toBe(503);
      expect(JSON.stringify(broken.body)).toContain('cost_weights.yml:2');
    } finally {
      await writeFile(weightsFile(), WEIGHTS);
    }
    expect((await ask('report')).status).toBe(200);
  });
});
