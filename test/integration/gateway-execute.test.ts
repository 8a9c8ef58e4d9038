import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient } from '#test/support/gateway-client';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;
let client: GatewayClient;

beforeAll(async () => {
  site = await startTestGateway();
  client = new GatewayClient(site);
});
afterAll(() => site.stop());

describe('/v1/tools/execute', () => {
  const execute = (body: unknown, headers = {}) => client.post('/v1/tools/execute', body, headers);

  it('calls the tool that the body names, by name or alias, in both forms', async () => {
    for (const tool of ['jobs', 'job_orchestrator_tool'])
      for (const body of [
        { tool, action: 'get_task', params: { task_id: 'shared_one' } },
        { tool, action: 'get_task', task_id: 'shared_one' },
      ]) {
        const answer = await execute(body);
        expect(answer.status).toBe(200);
        expect(answer.body['task_id']).toBe('shared_one');
      }
  });

  it('names the first faults of a body that has thousands, and how many more there are', async () => {
    const params = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`key_${n}`, n]));
    const { status, error } = await execute({ tool: 'jobs', action: 'list_tasks', params });
    expect(status).toBe(422);
    expect(error['violations']).toHaveLength(50);
    expect(error['violations_left_off']).toBe(4_950);
  });

  it('reads JSON whose type the client did not say, but not one that says something else', async () => {
    const body = JSON.stringify({ tool: 'jobs', action: 'list_tasks' });
    const statusOf = async (contentType: string) => {
      const answer = await fetch(`${site.url}/v1/tools/execute`, {
        method: 'POST',
        headers: { 'x-api-key': GATEWAY_KEY, 'content-type': contentType },
        body,
      });
      return answer.status;
    };
    expect(await statusOf('text/plain;charset=UTF-8')).toBe(200);
    expect(await statusOf('application/x-www-form-urlencoded')).toBe(200);
    expect(await statusOf('application/xml')).toBe(415);
  });

  it('says what is wrong, where in the body it stands', async () => {
    const violationsOf = async (body: unknown) => {
      const { status, error } = await execute(body);
      return [status, (error['violations'] as { path: string }[] | undefined)?.[0]?.path];
    };
    expect(await violationsOf([])).toEqual([422, '$']);
    expect(await violationsOf({ action: 'list_tasks' })).toEqual([422, '$.tool']);
    expect(await violationsOf({ tool: 7, action: 'list_tasks' })).toEqual([422, '$.tool']);
    expect(await violationsOf({ tool: 'jobs' })).toEqual([422, '$.action']);
    expect(
      await violationsOf({ tool: 'jobs', action: 'list_tasks', params: {}, agent_id: 7 }),
    ).toEqual([422, '$.agent_id']);
    expect(await violationsOf({ tool: 'jobs', action: 'list_tasks', colour: 1 })).toEqual([
      422,
      '$.colour',
    ]);
    expect(
      await violationsOf({ tool: 'jobs', action: 'get_task', params: { task_id: 7 } }),
    ).toEqual([422, '$.params.task_id']);
    const unknown = await execute({ tool: 'job', action: 'list_tasks' });
    expect([unknown.status, unknown.error['did_you_mean']]).toEqual([404, ['jobs']]);
  });

  it('speaks for the agent that the body names, and for no other than the header', async () => {
    const start = { tool: 'jobs', action: 'start_task', params: { task_id: 'window_digest' } };
    const denied = await execute({ ...start, agent_id: 'monitor' });
    expect(denied.status).toBe(403);
    expect(denied.error['missing_entitlements']).toEqual(['tools.jobs.start']);
    const both = await execute({ ...start, agent_id: 'sofiia' }, { 'x-agent-id': 'monitor' });
    expect(both.status).toBe(422);
    const bound = await site.keys.create({
      name: 'bound',
      role: 'agent_default',
      agents: ['helion'],
      workspaces: ['*'],
      createdBy: 'test',
      expiresAt: null,
    });
    const key = { 'x-api-key': bound.key };
    expect((await execute({ ...start, agent_id: 'sofiia' }, key)).status).toBe(403);
    const read = { tool: 'jobs', action: 'list_tasks', params: {}, agent_id: 'helion' };
    expect((await execute(read, key)).status).toBe(200);
    const events = (await site.audit.read({ order: 'desc', limit: 4 })).events;
    expect(events.map(({ agent_id, status }) => [agent_id, status])).toContainEqual([
      'monitor',
      'denied',
    ]);
    expect(events[0]).toMatchObject({ agent_id: 'helion', status: 'pass' });
  });

  it('allows what the tool allows at its own address', async () => {
    const denied = await execute(
      { tool: 'jobs', action: 'start_task', task_id: 'window_digest' },
      { 'x-agent-id': 'monitor' },
    );
    expect(denied.status).toBe(403);
    expect(denied.error['missing_entitlements']).toEqual(['tools.jobs.start']);
  });
});

describe('GET /v1/tools', () => {
  const list = async (headers: Readonly<Record<string, string>> = {}) => {
    const { body } = await client.get('/v1/tools', headers);
    return body['tools'] as {
      name: string;
      aliases: string[];
      actions: Record<string, unknown>[];
    }[];
  };

  it('lists what the caller may use, with the schema of each action', async () => {
    const [jobs, ...others] = await list();
    expect(others).toEqual([]);
    expect(jobs).toMatchObject({ name: 'jobs', aliases: ['job_orchestrator_tool'] });
    expect(jobs?.actions).toHaveLength(10);
    expect(jobs?.actions.find(({ name }) => name === 'pause_task')).toMatchObject({
      effect: 'change',
      entitlements: ['tools.jobs.pause'],
      params: { required: ['task_id', 'reason'], additionalProperties: false },
    });
    const [ofMonitor] = await list({ 'x-agent-id': 'monitor' });
    expect(ofMonitor?.actions.map(({ name }) => name)).toEqual([
      'list_tasks',
      'get_task',
      'plan',
      'get_run',
      'list_runs',
    ]);
    expect(await list({ 'x-agent-id': 'stranger' })).toEqual([]);
  });
});
