import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient } from '#test/support/gateway-client';
import { GATEWAY_KEY, logIn, startTestGateway, type TestGateway } from '#test/support/test-gateway';

const ADMIN = { id: 'test', entitlements: new Set(['*']), isAdmin: true };

let site: TestGateway;
let client: GatewayClient;
let cookie: string;

beforeAll(async () => {
  site = await startTestGateway({ withWorker: true });
  client = new GatewayClient(site);
  cookie = await logIn(site.url, GATEWAY_KEY);
});
afterAll(() => site.stop());

const change = (method: string, path: string, body: unknown = {}, as = cookie) =>
  client.send(`/board${path}`, {
    method,
    headers: { cookie: as, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const add = (queue: string, data: object) =>
  change('POST', `/api/queues/${queue}/add`, { name: '__default__', data, options: {} });

const byPerson = { tool: 'board', user_id: 'board:gateway', agent_id: 'none' };

describe('a change on the board', () => {
  it.each(['pause', 'resume'])('%s leaves its event', async (action) => {
    const [answer, events] = await client.leaving(() =>
      change('PUT', `/api/queues/cost.window_digest/${action}`),
    );
    expect(answer.status).toBe(200);
    expect(events).toMatchObject([
      {
        ...byPerson,
        action,
        status: 'pass',
        workspace_id: 'default',
        in_size: 2,
        out_size: Buffer.byteLength(answer.text),
        job_id: null,
      },
    ]);
  });

  it('names the run that add and retry started', async () => {
    const [added, events] = await client.leaving(() => add('audit.always_fails', {}));
    const runId = (added.body['job'] as { id: string }).id;
    expect(events).toMatchObject([{ ...byPerson, action: 'add', status: 'pass', job_id: runId }]);
    await site.ended(runId);
    const [, retries] = await client.leaving(() =>
      change('PUT', `/api/queues/audit.always_fails/${runId}/retry`),
    );
    const [newest] = await site.runs.list(ADMIN, { limit: 1 });
    expect(newest?.retryOf).toBe(runId);
    expect(retries).toMatchObject([
      { ...byPerson, action: 'retry', status: 'pass', job_id: newest?.id },
    ]);
  });

  it('stores no secret that was typed into its form', async () => {
    // Another test may have left it paused.
    await change('PUT', '/api/queues/cost.window_digest/resume');
    const [added, events] = await client.leaving(() =>
      add('cost.window_digest', { window_hours: 3, note: 'password=correct-horse' }),
    );
    const runId = (added.body['job'] as { id: string }).id;
    const run = await site.runs.get(ADMIN, runId);
    expect(run.inputs).toMatchObject({ note: 'password=[redacted]' });
    expect(JSON.stringify(events)).not.toContain('correct-horse');
  });

  it('that is refused leaves its event as well', async () => {
    const { id, key } = await client.createKey({ role: 'viewer' });
    const viewer = await logIn(site.url, key);
    const [, events] = await client.leaving(async () => {
      await add('cost.window_digest', { window_hours: 0 });
      await change('PUT', '/api/queues/cost.window_digest/obliterate');
      await change('PATCH', '/api/queues/cost.window_digest/j/update-data');
      await change('PUT', '/api/queues/cost.window_digest/pause', {}, viewer);
      await change('PUT', '/api/queues/cost.window_digest/pause', {}, 'opsloop_session=none');
    });
    expect(events).toMatchObject([
      { ...byPerson, action: 'add', status: 'error' },
      { ...byPerson, action: 'obliterate', status: 'denied' },
      { ...byPerson, action: 'update_data', status: 'denied' },
      { tool: 'board', action: 'pause', status: 'denied', user_id: `board:${id}` },
      { tool: 'board', action: 'pause', status: 'denied', user_id: 'anonymous' },
    ]);
  });

  it('and looking leaves none', async () => {
    const [answer, events] = await client.leaving(() =>
      client.send('/board/api/queues', { headers: { cookie } }),
    );
    expect(answer.status).toBe(200);
    expect(events).toEqual([]);
  });
});

describe('login and logout', () => {
  const tryLogin = (key: string) =>
    client.send('/login', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ api_key: key }),
    });

  it('leave their events, without a trace of the key', async () => {
    const { id, key } = await client.createKey({ role: 'operator' });
    const [, events] = await client.leaving(async () => {
      expect((await tryLogin(key.slice(0, -1))).status).toBe(401);
      const session = await logIn(site.url, key);
      const out = await client.send('/logout', {
        method: 'POST',
        headers: { cookie: session, 'sec-fetch-site': 'same-origin' },
      });
      expect(out.status).toBe(303);
    });
    const user_id = `board:${id}`;
    const empty = { tool: 'board', in_size: 0, input_hash: '' };
    expect(events).toMatchObject([
      { ...empty, action: 'login', status: 'denied', user_id: 'anonymous' },
      { ...empty, action: 'login', status: 'pass', user_id },
      { ...empty, action: 'logout', status: 'pass', user_id },
    ]);
  });
});
