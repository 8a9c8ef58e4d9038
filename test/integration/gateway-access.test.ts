import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import type { NewApiKey } from '#gateway/access/api-key';
import { ensureGatewayKey } from '#gateway/access/gateway-key';
import { FAILED_LOGINS } from '#gateway/access/login-attempts';
import { GATEWAY_KEY, logIn, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;

beforeAll(async () => {
  site = await startTestGateway();
});
afterAll(() => site.stop());

const wanted = (change: Partial<NewApiKey>): NewApiKey => ({
  name: 'a test',
  role: 'viewer',
  agents: [],
  workspaces: [],
  createdBy: 'test',
  expiresAt: null,
  ...change,
});

const listTasks = (headers: Readonly<Record<string, string>>, url = site.url) =>
  fetch(`${url}/v1/tools/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"action":"list_tasks"}',
  });

const startTask = (headers: Readonly<Record<string, string>>) =>
  fetch(`${site.url}/v1/tools/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"action":"start_task","params":{"task_id":"window_digest"}}',
  });

describe('API keys', () => {
  it('are read from X-API-Key, Bearer and the password of Basic', async () => {
    const { key } = await site.keys.create(wanted({}));
    const basic = Buffer.from(`anybody:${key}`).toString('base64');
    for (const headers of [
      { 'x-api-key': key },
      { authorization: `Bearer ${key}` },
      { authorization: `Basic ${basic}` },
    ])
      expect((await listTasks(headers)).status).toBe(200);
  });

  it('are refused when they are wrong, expired or revoked, saying how to send one', async () => {
    const { key, apiKey } = await site.keys.create(wanted({}));
    const expired = await site.keys.create(wanted({ expiresAt: new Date('2020-01-01') }));
    await site.keys.revoke(apiKey.id);
    const forged = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
    for (const bad of [key, expired.key, forged, 'opsl_gateway_x', GATEWAY_KEY.slice(1)]) {
      const answer = await listTasks({ 'x-api-key': bad });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
      expect(await answer.text()).toContain('X-API-Key');
    }
  });

  it('are kept as hashes', async () => {
    const { key } = await site.keys.create(wanted({}));
    const rows = await site.database.database.query('SELECT * FROM api_keys');
    expect(JSON.stringify(rows)).not.toContain(key.split('_')[2]);
    expect((await site.keys.list()).length).toBe(rows.length);
  });

  it('speak for agents they are bound to, with the role of the agent', async () => {
    const { key } = await site.keys.create(wanted({ agents: ['sofiia', 'monitor'] }));
    expect((await startTask({ 'x-api-key': key })).status).toBe(403);
    expect((await startTask({ 'x-api-key': key, 'x-agent-id': 'sofiia' })).status).toBe(202);
    expect((await startTask({ 'x-api-key': key, 'x-agent-id': 'monitor' })).status).toBe(403);
    expect((await listTasks({ 'x-api-key': key, 'x-agent-id': 'helion' })).status).toBe(403);
    // An agent without a row in the matrix may do nothing, whoever sends its name.
    expect((await listTasks({ 'x-api-key': GATEWAY_KEY, 'x-agent-id': 'stranger' })).status).toBe(
      403,
    );
  });

  it('name workspaces they are bound to', async () => {
    const { key } = await site.keys.create(wanted({ workspaces: ['blue'] }));
    expect((await listTasks({ 'x-api-key': key, 'x-workspace-id': 'blue' })).status).toBe(200);
    expect((await listTasks({ 'x-api-key': key, 'x-workspace-id': 'red' })).status).toBe(403);
  });
});

describe('sessions', () => {
  it('hold at another gateway with the same key, and end with logout', async () => {
    const cookie = await logIn(site.url, GATEWAY_KEY);
    const same = { cookie, 'sec-fetch-site': 'same-origin' };
    expect((await listTasks(same)).status).toBe(200);
    expect(await site.sessions.find(cookie.split('=')[1] ?? '')).toEqual({ kind: 'gateway' });
    await fetch(`${site.url}/logout`, { method: 'POST', headers: same, redirect: 'manual' });
    expect((await listTasks(same)).status).toBe(401);
  });

  it('end when their key is revoked', async () => {
    const { key, apiKey } = await site.keys.create(wanted({}));
    const cookie = await logIn(site.url, key);
    const same = { cookie, 'sec-fetch-site': 'same-origin' };
    expect((await listTasks(same)).status).toBe(200);
    await site.keys.revoke(apiKey.id);
    expect((await listTasks(same)).status).toBe(401);
  });

  it('have a cookie that scripts and other sites cannot use', async () => {
    const answer = await fetch(`${site.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ api_key: GATEWAY_KEY, next: '//evil.example/' }),
    });
    expect(answer.headers.get('location')).toBe('/board');
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toMatch(/Secure/);
  });

  it('change nothing unless the browser vouches for the origin and sends JSON', async () => {
    const cookie = await logIn(site.url, GATEWAY_KEY);
    const port = new URL(site.url).port;
    const statusWith = async (headers: Readonly<Record<string, string>>) =>
      (await listTasks({ cookie, ...headers })).status;
    expect(await statusWith({})).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await statusWith({ origin: 'http://evil.example' })).toBe(403);
    expect(await statusWith({ origin: 'null' })).toBe(403);
    expect(await statusWith({ origin: site.url })).toBe(200);
    expect(await statusWith({ origin: `http://localhost:${port}` })).toBe(200);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await statusWith({ 'sec-fetch-site': 'same-origin', ...form })).toBe(415);
    // Basic credentials are repeated by browsers as cookies are.
    const basic = `Basic ${Buffer.from(`x:${GATEWAY_KEY}`).toString('base64')}`;
    const forged = await listTasks({ authorization: basic, 'sec-fetch-site': 'cross-site' });
    expect(forged.status).toBe(403);
  });

  it('are not opened by guessing', async () => {
    const other = await startTestGateway();
    try {
      const guess = () =>
        fetch(`${other.url}/login`, {
          method: 'POST',
          redirect: 'manual',
          headers: { accept: 'text/html' },
          body: new URLSearchParams({ api_key: 'guess' }),
        });
      await logIn(other.url, GATEWAY_KEY);
      for (let tried = 0; tried < FAILED_LOGINS; tried += 1)
        expect((await guess()).status).toBe(401);
      const refused = await guess();
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      // Even the right key has to wait now, or the limit would not hold guessing down.
      await expect(logIn(other.url, GATEWAY_KEY)).rejects.toThrow('429');
    } finally {
      await other.stop();
    }
  });
});

describe('the gateway key', () => {
  it('is made once, for its owner alone, whoever starts first', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'opsloop-key-'));
    try {
      const dataDir = path.join(dir, 'data');
      const made = await Promise.all(
        Array.from({ length: 8 }, () => ensureGatewayKey({ dataDir, configured: undefined })),
      );
      expect(new Set(made.map(({ key }) => key)).size).toBe(1);
      expect(made.filter(({ source }) => source === 'generated')).toHaveLength(1);
      const file = made[0]?.file ?? '';
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await readFile(file, 'utf8')).trim()).toBe(made[0]?.key);
      const configured = await ensureGatewayKey({ dataDir, configured: 'chosen' });
      expect(configured).toEqual({ key: 'chosen', source: 'configured', file: null });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('works while the database is away; other keys are told to come again', async () => {
    const other = await startTestGateway();
    const { key } = await other.keys.create(wanted({}));
    await other.database.database.close();
    try {
      const openapi = (headers: Readonly<Record<string, string>>) =>
        fetch(`${other.url}/openapi.json`, { headers });
      expect((await openapi({ 'x-api-key': GATEWAY_KEY })).status).toBe(200);
      const answer = await openapi({ 'x-api-key': key });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).not.toBeNull();
    } finally {
      await other.stop();
    }
  });
});

describe('the start', () => {
  const failure = async (change: Parameters<typeof startTestGateway>[0]): Promise<AppError> => {
    try {
      await (await startTestGateway(change)).stop();
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    throw new Error('the gateway started');
  };

  it('names GATEWAY_PORT and who holds it', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    try {
      const error = await failure({ change: (defaults) => ({ ...defaults, port }) });
      expect(error.code).toBe('in_use');
      expect(error.message).toContain(`GATEWAY_PORT ${port}`);
      if (process.platform === 'linux') expect(error.message).toContain(`pid ${process.pid}`);
    } finally {
      holder.close();
    }
  });

  it('refuses other hosts without a key of somebody’s choice', async () => {
    const error = await failure({
      change: (defaults) => ({
        ...defaults,
        host: '0.0.0.0',
        gatewayKey: { key: 'generated', source: 'file', file: '/x' },
      }),
    });
    expect(error.code).toBe('invalid_configuration');
    expect(error.message).toMatch(/GATEWAY_HOST.*GATEWAY_API_KEY/);
  });

  it('lists every action without a row and every row without an action', async () => {
    const error = await failure({
      change: (defaults) => ({
        ...defaults,
        matrix: {
          ...defaults.matrix,
          tools: {
            jobs: { actions: { list_tasks: ['tools.jobs.read'], fly: ['tools.jobs.read'] } },
          },
        },
      }),
    });
    expect(error.code).toBe('invalid_policy');
    expect(error.violations.length).toBe(10);
    expect(error.message).toContain('tools.jobs.actions.fly names an action that does not exist');
    expect(error.message).toContain('tools.jobs.actions.start_task is missing');
  });

  it('leaves nothing open after a stop, before a start, and twice', async () => {
    const other = await startTestGateway();
    await other.gateway.stop();
    await other.gateway.stop();
    await expect(fetch(other.url)).rejects.toThrow();
    await other.stop();
  });
});

describe('what never becomes a request', () => {
  const send = async (text: string): Promise<string> => {
    const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8');
    });
    socket.write(text);
    await once(socket, 'close');
    return answer;
  };

  it.each([
    ['no HTTP at all', 'GARBAGE\r\n\r\n', '400 Bad Request', 'not well-formed'],
    [
      'headers of 20 KB',
      `GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
      'the headers are too large',
    ],
  ])('is answered as the fault of the sender: %s', async (_what, text, status, message) => {
    const answer = await send(text);
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      error: { code: 'invalid_request', message: expect.stringContaining(message) },
    });
  });
});

describe('the runbook', () => {
  it('starts a task by its curl, word for word', async () => {
    const { stdout } = await promisify(execFile)('curl', [
      '-s',
      '-X',
      'POST',
      `${site.url}/v1/tools/jobs`,
      '-H',
      `X-API-Key: ${GATEWAY_KEY}`,
      '-d',
      '{"action":"start_task","params":{"task_id":"window_digest","inputs":{}}}',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ task_id: 'window_digest', status: 'queued' });
  });
});
