import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryAuditStore } from '#audit/backends/memory-audit-store';
import { loadPolicy } from '#config/policy-files';
import { packageRoot } from '#core/package-root';
import { COST_WEIGHTS } from '#finops/cost-weights';
import { createCostTool } from '#gateway/tools/cost-tool';
import { withDigests } from '#test/support/digest-tools';
import { FakeClock } from '#test/support/fake-clock';
import { GatewayClient } from '#test/support/gateway-client';
import { startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;
let client: GatewayClient;
let key: string;

beforeAll(async () => {
  site = await startTestGateway({ change: withDigests });
  client = new GatewayClient(site);
  const created = await client.createKey({
    role: 'agent_default',
    agents: ['sofiia', 'monitor'],
    workspaces: ['blue'],
  });
  key = created.key;
});
afterAll(() => site.stop());

const DASHBOARDS = [
  ['/v1/finops/dashboard', 'cost_analyzer_tool', 'tools.cost.read'],
  ['/v1/privacy/dashboard', 'data_governance_tool', 'tools.data_gov.read'],
] as const;

describe.each(DASHBOARDS)('GET %s', (path, tool, entitlement) => {
  const get = (query: string, headers: Readonly<Record<string, string>> = {}) =>
    client.get(`${path}${query}`, { 'x-api-key': key, 'x-agent-id': 'sofiia', ...headers });

  it('is the digest of its tool, for an agent that is entitled to it', async () => {
    const [answer, events] = await client.leaving(() =>
      get('?window_hours=48', { 'x-workspace-id': 'blue' }),
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ of: tool, window_hours: 48 });
    expect(events).toMatchObject([
      { tool, action: 'digest', status: 'pass', agent_id: 'sofiia', workspace_id: 'blue' },
    ]);
    expect((await get('')).body['window_hours']).toBe(24);
  });

  it('names the entitlement that an agent lacks', async () => {
    for (const agent of ['monitor', '']) {
      const [answer, events] = await client.leaving(() => get('', { 'x-agent-id': agent }));
      expect(answer.status).toBe(403);
      expect(answer.error['missing_entitlements']).toEqual([entitlement]);
      expect(events).toMatchObject([{ tool, action: 'digest', status: 'denied' }]);
    }
    expect((await get('', { 'x-agent-id': 'helion' })).status).toBe(403);
    expect((await get('', { 'x-workspace-id': 'red' })).status).toBe(403);
    expect((await client.send(path, { headers: { 'x-agent-id': 'sofiia' } })).status).toBe(401);
  });

  it.each(['0', '745', '-1', '1.5', '1e2', '0x10', ' 24', '', 'day', '99999'])(
    'refuses window_hours=%j',
    async (text) => {
      const [answer, events] = await client.leaving(() =>
        get(`?window_hours=${encodeURIComponent(text)}`),
      );
      expect(answer.status).toBe(422);
      expect(answer.error['violations']).toEqual([
        { path: '$.window_hours', message: 'must be a whole number from 1 to 744' },
      ]);
      expect(events).toMatchObject([{ tool, action: 'digest', status: 'error' }]);
    },
  );

  it('refuses what it does not know, and two answers to one question', async () => {
    const unknown = await get('?hours=3');
    expect(unknown.status).toBe(422);
    expect(unknown.error['violations']).toEqual([
      { path: '$.hours', message: 'is not a known key; accepted: window_hours' },
    ]);
    expect((await get('?window_hours=1&window_hours=2')).status).toBe(422);
    expect((await get('?window_hours=744')).status).toBe(200);
  });

  it('is described in /openapi.json', async () => {
    const { body } = await client.get('/openapi.json');
    const described = (body['paths'] as Record<string, { get?: { parameters: object[] } }>)[path];
    const parameters = described?.get?.parameters ?? [];
    expect(parameters).toContainEqual(
      expect.objectContaining({
        name: 'window_hours',
        in: 'query',
        schema: expect.objectContaining({ minimum: 1, maximum: 744, default: 24 }),
      }),
    );
    expect(parameters).toContainEqual(expect.objectContaining({ name: 'x-agent-id' }));
  });
});

it('has no dashboard for a tool that is not there', async () => {
  const other = await startTestGateway();
  try {
    for (const [path] of DASHBOARDS)
      expect((await new GatewayClient(other).get(path)).status).toBe(404);
  } finally {
    await other.stop();
  }
});

it('shows on the cost dashboard what the calls before it cost, denied ones apart', async () => {
  const audit = createMemoryAuditStore();
  const dir = path.join(packageRoot(), 'config');
  // The window ends with the last full minute, so the calls are made a minute before they are asked for.
  const clock = new FakeClock('2026-11-24T12:00:30Z');
  const tool = createCostTool({
    audit,
    loadWeights: () => loadPolicy({ dir, name: 'cost_weights', schema: COST_WEIGHTS }),
    clock,
  });
  const other = await startTestGateway({
    audit,
    change: (defaults) => {
      const { tools, matrix } = withDigests(defaults);
      const rows = Object.fromEntries(
        Object.keys(tool.actions).map((action) => [action, ['tools.cost.read']]),
      );
      return {
        ...defaults,
        clock,
        tools: tools.map((one) => (one.name === tool.name ? tool : one)),
        matrix: { ...matrix, tools: { ...matrix.tools, [tool.name]: { actions: rows } } },
      };
    },
  });
  try {
    const own = new GatewayClient(other);
    for (let called = 0; called < 3; called += 1)
      await own.post('/v1/tools/jobs', { action: 'list_tasks' }, { 'x-agent-id': 'monitor' });
    await own.post(
      '/v1/tools/jobs',
      { action: 'pause_task', task_id: 'x', reason: 'y' },
      { 'x-agent-id': 'monitor' },
    );
    await clock.advance(60_000);
    const { status, body } = await own.get('/v1/finops/dashboard?window_hours=1', {
      'x-agent-id': 'sofiia',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      source_backend: 'memory',
      totals: { calls: 4, denied: 1, failed: 0 },
      breakdowns: { agent_id: [{ agent_id: 'monitor', count: 4, denied: 1 }] },
    });
  } finally {
    await other.stop();
  }
});
