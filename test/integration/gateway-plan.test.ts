import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;

beforeAll(async () => {
  site = await startTestGateway();
});
afterAll(() => site.stop());

const send = async (request: object, key = GATEWAY_KEY) => {
  const answer = await fetch(`${site.url}/v1/tools/jobs`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const body = (await answer.json()) as Record<string, unknown>;
  return { status: answer.status, body, error: body['error'] };
};

const keyOf = async (role: string): Promise<string> => {
  const { key } = await site.keys.create({
    name: role,
    role,
    agents: [],
    workspaces: [],
    createdBy: 'test',
    expiresAt: null,
  });
  return key;
};

describe('tasks and their plan', () => {
  it('shows a task with its alarms and its cadence', async () => {
    await site.database.database.execute(
      `INSERT INTO task_alarms (task_id, kind, message, raised_at, last_at)
       VALUES ('shared_two', 'late', 'not started in time', now(), now())`,
    );
    const task = await send({ action: 'get_task', task_id: 'shared_two' });
    expect(task.body).toMatchObject({
      task_id: 'shared_two',
      after: [],
      blackouts: [],
      cadence: null,
      alarms: [{ kind: 'late', task_id: 'shared_two', count: 1, cleared_at: null }],
    });
    const { body } = await send({ action: 'list_tasks' });
    const tasks = body['tasks'] as { task_id: string; open_alarms: string[] }[];
    const open = tasks.filter(({ open_alarms }) => open_alarms.length > 0);
    expect(open).toMatchObject([{ task_id: 'shared_two', open_alarms: ['late'] }]);
  });

  it('plans the registry in the words of the command line', async () => {
    const { status, body } = await send({ action: 'plan' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      in_force: false,
      revision: null,
      tasks: 5,
      summary: { added: 5, changed: 0, ghost: 0, drifted: 0 },
      hidden_changes: 0,
    });
    const changes = body['changes'] as Record<string, unknown>[];
    const digest = changes.find((change) => change['task_id'] === 'window_digest');
    expect(digest).toEqual({
      kind: 'added',
      task_id: 'window_digest',
      detail: 'new in the registry',
      fields: [],
      declared: {
        queue: 'window_digest',
        cron: '0 9 * * *',
        timezone: 'UTC',
        after: [],
        enabled: true,
      },
      next: Array.from({ length: 5 }, () => ({
        at: expect.stringMatching(/T09:00:00\.000Z$/),
        local: expect.stringMatching(/ 09:00 \+00:00$/),
      })),
      clock_changes: [],
      overdue: [],
      catch_up: 'none',
    });
    expect((await send({ action: 'plan', params: { all: true } })).status).toBe(422);
  });

  it('plans for whoever may read jobs, without the tasks that they may not read', async () => {
    const { body } = await send({ action: 'plan' }, await keyOf('agent_monitor'));
    // Reading the guarded sweep needs tools.cost.read as well.
    expect(body).toMatchObject({ summary: { added: 4 }, hidden_changes: 1 });
    expect(JSON.stringify(body)).not.toContain('guarded_sweep');
    const refused = await send({ action: 'plan' }, await keyOf('agent_default'));
    expect(refused.status).toBe(403);
    expect(refused.error).toMatchObject({ missing_entitlements: ['tools.jobs.read'] });
  });
});
