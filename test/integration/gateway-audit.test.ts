import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '#audit/audit-event';
import { canonicalJson } from '#core/json';
import { type GatewayAnswer, GatewayClient } from '#test/support/gateway-client';
import { createProbe, withProbe } from '#test/support/probe-tool';
import { startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;
let client: GatewayClient;

beforeAll(async () => {
  site = await startTestGateway({ change: (defaults) => withProbe(defaults, createProbe()) });
  client = new GatewayClient(site);
});
afterAll(() => site.stop());

const sha256 = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex');

const onlyEvent = (events: readonly AuditEvent[]): AuditEvent => {
  expect(events).toHaveLength(1);
  const [event] = events;
  if (event === undefined) throw new Error('no event');
  return event;
};

describe('the event of a call', () => {
  it('says who, what, when, for how long and how much, and nothing of what', async () => {
    const { id, key } = await client.createKey({
      role: 'viewer',
      agents: ['helion'],
      workspaces: ['blue'],
    });
    const before = Date.now();
    const params = { text: 'Zürich' };
    const [answer, events] = await client.leaving(() =>
      client.post(
        '/v1/tools/probe_tool',
        { action: 'look', params },
        {
          'x-api-key': key,
          'x-request-id': 'my-id.1',
          'x-agent-id': 'helion',
          'x-workspace-id': 'blue',
          'x-graph-run-id': 'trial0-task0',
          'x-graph-node': 'nodes/look:1',
        },
      ),
    );
    expect(answer.status).toBe(200);
    const event = onlyEvent(events);
    expect(event).toEqual({
      ts: event.ts,
      req_id: 'my-id.1',
      workspace_id: 'blue',
      user_id: `key:${id}`,
      agent_id: 'helion',
      tool: 'probe',
      action: 'look',
      status: 'pass',
      duration_ms: event.duration_ms,
      in_size: canonicalJson(params).length,
      out_size: Buffer.byteLength(answer.text),
      input_hash: sha256(params),
      graph_run_id: 'trial0-task0',
      graph_node: 'nodes/look:1',
      job_id: null,
    });
    expect(Date.parse(event.ts)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(event.ts)).toBeLessThanOrEqual(Date.now());
    expect(event.duration_ms).toBeLessThanOrEqual(Date.now() - before + 1);
  });

  it('hashes equal params alike, in both forms of the body and in any order', async () => {
    const [, events] = await client.leaving(async () => {
      await client.post('/v1/tools/jobs', { action: 'list_runs', limit: 2, task_id: 'shared_one' });
      await client.post('/v1/tools/execute', {
        params: { task_id: 'shared_one', limit: 2 },
        action: 'list_runs',
        tool: 'job_orchestrator_tool',
      });
    });
    expect(new Set(events.map(({ input_hash }) => input_hash)).size).toBe(1);
    expect(events.map(({ tool }) => tool)).toEqual(['jobs', 'jobs']);
    expect(events[0]).toMatchObject({
      user_id: 'key:gateway',
      agent_id: 'none',
      workspace_id: 'default',
      graph_run_id: null,
      graph_node: null,
    });
  });

  it('names the run that was started', async () => {
    const [answer, events] = await client.leaving(() =>
      client.post('/v1/tools/jobs', { action: 'start_task', task_id: 'window_digest' }),
    );
    expect(answer.status).toBe(202);
    expect(onlyEvent(events).job_id).toBe(answer.body['run_id']);
  });
});

describe('every call leaves one event', () => {
  interface Case {
    readonly send: () => Promise<GatewayAnswer>;
    readonly status: number;
    readonly event: Partial<AuditEvent>;
  }
  const jobs = (body: unknown, headers = {}) => client.post('/v1/tools/jobs', body, headers);
  const tool = 'jobs';

  it.each<[string, Case]>([
    [
      'a role without the entitlement',
      {
        send: () => jobs({ action: 'pause_task', task_id: 'x' }, { 'x-agent-id': 'monitor' }),
        status: 403,
        event: { tool, action: 'pause_task', status: 'denied', agent_id: 'monitor' },
      },
    ],
    [
      'an unknown agent',
      {
        send: () => jobs({ action: 'list_tasks' }, { 'x-agent-id': 'stranger' }),
        status: 403,
        event: { tool, action: 'list_tasks', status: 'denied', agent_id: 'stranger' },
      },
    ],
    [
      'a task that the role may not start',
      {
        send: () =>
          jobs(
            { action: 'start_task', task_id: 'guarded_sweep', dry_run: true },
            { 'x-agent-id': 'helion' },
          ),
        status: 403,
        event: { tool, action: 'start_task', status: 'denied', agent_id: 'helion' },
      },
    ],
    [
      'params that are not accepted',
      {
        send: () => jobs({ action: 'get_run', run: 1 }),
        status: 422,
        event: { tool, action: 'get_run', status: 'error', input_hash: sha256({ run: 1 }) },
      },
    ],
    [
      'an unknown action',
      {
        send: () => jobs({ action: 'start_tsk' }),
        status: 422,
        event: { tool, action: 'start_tsk', status: 'error' },
      },
    ],
    [
      'an action that is no name',
      {
        send: () => jobs({ action: { deep: 'x'.repeat(5_000) } }),
        status: 422,
        event: { tool, action: 'unknown', status: 'error' },
      },
    ],
    [
      'an unknown tool',
      {
        send: () => client.post('/v1/tools/oncall', { action: 'x' }),
        status: 404,
        event: { tool: 'oncall', action: 'x', status: 'error' },
      },
    ],
    [
      'a tool that is no name',
      {
        send: () => client.post(`/v1/tools/${'a0b1c2d3'.repeat(5)}`, { action: 'x' }),
        status: 404,
        event: { tool: 'unknown', action: 'x', status: 'error' },
      },
    ],
    [
      'a run that is not there',
      {
        send: () => jobs({ action: 'get_run', run_id: 'run_01J8Z6Q4T0V5W9X2Y3A7B8C9D0' }),
        status: 404,
        event: { tool, action: 'get_run', status: 'error' },
      },
    ],
    [
      'a body that is not JSON',
      {
        send: () => jobs('{'),
        status: 400,
        event: { tool, action: 'unknown', status: 'error', in_size: 0, input_hash: '' },
      },
    ],
    [
      'a body that is too large',
      {
        send: () => jobs({ action: 'x'.repeat(300_000) }),
        status: 413,
        event: { tool, action: 'unknown', status: 'error' },
      },
    ],
    [
      'a body of another type',
      {
        send: () => jobs('a=1', { 'content-type': 'text/csv' }),
        status: 415,
        event: { tool, action: 'unknown', status: 'error' },
      },
    ],
    [
      'an agent that is no name',
      {
        send: () => jobs({ action: 'list_tasks' }, { 'x-agent-id': 'a b' }),
        status: 400,
        event: { tool, action: 'unknown', status: 'error', agent_id: 'none' },
      },
    ],
    [
      'an agent whose name means nobody',
      {
        send: () => jobs({ action: 'list_tasks' }, { 'x-agent-id': 'none' }),
        status: 400,
        event: { tool, status: 'error', agent_id: 'none' },
      },
    ],
    [
      'a graph that is no name',
      {
        send: () => jobs({ action: 'list_tasks' }, { 'x-graph-node': 'a b' }),
        status: 400,
        event: { tool, status: 'error', graph_node: null },
      },
    ],
    [
      'an error that nobody foresaw',
      {
        send: () => client.probe('fail'),
        status: 500,
        event: { tool: 'probe', action: 'fail', status: 'error' },
      },
    ],
  ])('%s', async (_what, { send, status, event }) => {
    const [answer, events] = await client.leaving(send);
    expect(answer.status).toBe(status);
    expect(onlyEvent(events)).toMatchObject({
      user_id: 'key:gateway',
      out_size: Buffer.byteLength(answer.text),
      ...event,
    });
  });

  it('an agent that the key is not bound to, under the name of the key alone', async () => {
    const { id, key } = await client.createKey({ role: 'viewer', agents: ['monitor'] });
    const [answer, events] = await client.leaving(() =>
      jobs({ action: 'list_tasks' }, { 'x-api-key': key, 'x-agent-id': 'sofiia' }),
    );
    expect(answer.status).toBe(403);
    expect(onlyEvent(events)).toMatchObject({
      user_id: `key:${id}`,
      agent_id: 'none',
      status: 'denied',
      tool: 'jobs',
    });
  });

  it('X-Agent-Id alone, which proves nothing', async () => {
    const [answer, events] = await client.leaving(() =>
      client.send('/v1/tools/jobs', {
        method: 'POST',
        headers: { 'x-agent-id': 'sofiia', 'content-type': 'application/json' },
        body: '{"action":"list_tasks"}',
      }),
    );
    expect(answer.status).toBe(401);
    expect(onlyEvent(events)).toMatchObject({
      user_id: 'anonymous',
      agent_id: 'anonymous',
      tool: 'jobs',
      action: 'unknown',
      status: 'denied',
    });
  });

  it('what is no call leaves none', async () => {
    const [, events] = await client.leaving(async () => {
      await client.get('/livez');
      await client.get('/v1/tools');
      await client.get('/openapi.json');
      await client.get('/v1/tools/jobs');
    });
    expect(events).toEqual([]);
  });
});
