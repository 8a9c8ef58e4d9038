import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '#cli/command-line';
import { GatewayClient } from '#test/support/gateway-client';
import { logIn, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;
let client: GatewayClient;
let directory: string;

beforeAll(async () => {
  site = await startTestGateway();
  client = new GatewayClient(site);
  directory = await mkdtemp(path.join(tmpdir(), 'opsloop-keys-'));
  vi.stubEnv('DATABASE_URL', site.database.dsn);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await site.stop();
  await rm(directory, { recursive: true, force: true });
});

const collector = () => {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
};

/** The real command on the gateway's database. */
const keys = async (...argv: readonly string[]) => {
  const [out, err] = [collector(), collector()];
  const code = await runCommandLine({
    argv: ['keys', ...argv],
    stdout: out.stream,
    stderr: err.stream,
    directory,
    claimStopSignal: () => new AbortController().signal,
  });
  return { code, stdout: out.text(), stderr: err.text() };
};

const listTasks = async (key: string, headers: Readonly<Record<string, string>> = {}) =>
  (await client.post('/v1/tools/jobs', { action: 'list_tasks' }, { 'x-api-key': key, ...headers }))
    .status;

const create = async (...options: readonly string[]): Promise<{ id: string; key: string }> => {
  const { stdout } = await keys('create', 'a test', '--role', 'viewer', '--json', ...options);
  return JSON.parse(stdout) as { id: string; key: string };
};

const record = async (id: string): Promise<Record<string, unknown>> => {
  const listed = JSON.parse((await keys('list', '--json')).stdout) as {
    keys: Record<string, unknown>[];
  };
  return listed.keys.find((key) => key['id'] === id) ?? {};
};

describe('keys create', () => {
  it('binds a key to agents, role, workspaces and expiry', async () => {
    const { id, key } = await create(
      ...['--agent', 'sofiia', '--agent', 'monitor', '--workspace', 'blue'],
      ...['--expires', '2999-01-01'],
    );
    expect(await record(id)).toMatchObject({
      role: 'viewer',
      agents: ['sofiia', 'monitor'],
      workspaces: ['blue'],
      expires_at: '2999-01-01T00:00:00.000Z',
      rotated_at: null,
      revoked_at: null,
    });
    expect(await listTasks(key, { 'x-agent-id': 'monitor', 'x-workspace-id': 'blue' })).toBe(200);
    expect(await listTasks(key, { 'x-agent-id': 'helion' })).toBe(403);
    expect((await keys('list')).stdout).not.toContain(key);
  });

  it.each([
    [['--role', 'viewr'], 'did you mean viewer?'],
    [['--role', 'viewer', '--expires', '2020-01-01'], 'must be an instant to come'],
    [['--role', 'viewer', '--expires', 'tomorrow'], 'Accepted: 2026-11-05'],
    [['--role', 'viewer', '--agent', 'a b'], 'must be * or 1 to 100 letters'],
    [['--role', 'viewer', '--workspace', ''], 'must be * or 1 to 100 letters'],
    [['--role', 'viewer', '--agent', 'none'], 'none of none, anonymous'],
  ])('refuses %j, saying what is accepted', async (options, text) => {
    const before = (await site.keys.list()).length;
    const { code, stderr } = await keys('create', 'x', ...options);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(await site.keys.list()).toHaveLength(before);
  });

  it('lets a key without --agent speak for nobody, so that no header gives it another role', async () => {
    const { id, key } = await create();
    expect(await record(id)).toMatchObject({ agents: [] });
    expect(await listTasks(key)).toBe(200);
    expect(await listTasks(key, { 'x-agent-id': 'sofiia' })).toBe(403);
    const any = await create('--agent', '*');
    expect(await listTasks(any.key, { 'x-agent-id': 'sofiia' })).toBe(200);
  });

  it('lets a key that administers speak for any agent', async () => {
    const { id, key } = await create('--role', 'admin');
    expect(await record(id)).toMatchObject({ role: 'admin', agents: ['*'] });
    expect(await listTasks(key, { 'x-agent-id': 'sofiia' })).toBe(200);
  });

  it('warns of an agent that the matrix does not know', async () => {
    const { code, stderr } = await keys('create', 'x', '--role', 'viewer', '--agent', 'sofia');
    expect(code).toBe(0);
    expect(stderr).toContain('agent sofia has no row');
  });
});

describe('keys rotate', () => {
  it('gives another secret and refuses the former at once, with the sessions it opened', async () => {
    const { id, key } = await create();
    const cookie = await logIn(site.url, key);
    const { code, stdout, stderr } = await keys('rotate', id);
    expect(code).toBe(0);
    const fresh = stdout.trim();
    expect(fresh).toMatch(new RegExp(`^opsl_${id}_[0-9a-f]{64}$`));
    expect(stderr).toContain('refused from now on');
    expect([await listTasks(key), await listTasks(fresh)]).toEqual([401, 200]);
    expect(await site.sessions.find(cookie.split('=')[1] ?? '')).toBeNull();
    expect(await record(id)).toMatchObject({
      rotated_at: expect.stringMatching(/Z$/),
      previous_until: null,
    });
  });

  it('accepts both through the grace, and the former no longer', async () => {
    const { id, key } = await create();
    const cookie = await logIn(site.url, key);
    const rotated = await keys('rotate', id, '--grace', '24h');
    expect(rotated.stderr).toContain('is accepted until');
    const second = rotated.stdout.trim();
    expect([await listTasks(key), await listTasks(second)]).toEqual([200, 200]);
    expect(await site.sessions.find(cookie.split('=')[1] ?? '')).not.toBeNull();
    await site.database.database.execute(
      `UPDATE api_keys SET previous_until = now() - interval '1 second' WHERE id = $1`,
      [id],
    );
    expect([await listTasks(key), await listTasks(second)]).toEqual([401, 200]);
    // A second rotation keeps one former secret, not two.
    const third = (await keys('rotate', id, '--grace', '1h')).stdout.trim();
    expect([await listTasks(key), await listTasks(second), await listTasks(third)]).toEqual([
      401, 200, 200,
    ]);
    await keys('revoke', id);
    expect([await listTasks(second), await listTasks(third)]).toEqual([401, 401]);
  });

  it('refuses an unknown, a revoked and an expired key, and a grace that is none', async () => {
    expect(await keys('rotate', '0123456789ab')).toMatchObject({ code: 2 });
    const revoked = await create();
    await keys('revoke', revoked.id);
    const answer = await keys('rotate', revoked.id);
    expect(answer.code).toBe(4);
    expect(answer.stderr).toContain('is revoked and stays so');
    const expired = await create('--expires', '2999-01-01');
    await site.database.database.execute(
      `UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1`,
      [expired.id],
    );
    expect((await keys('rotate', expired.id)).stderr).toContain('is expired and stays so');
    for (const grace of ['day', '31d', '-1h'])
      expect((await keys('rotate', expired.id, `--grace=${grace}`)).stderr).toContain(
        'at most 30d',
      );
  });
});

it('says of a key whose role is gone from the matrix that it can do nothing', async () => {
  const { key } = await client.createKey({ role: 'role_of_old' });
  const answer = await client.post(
    '/v1/tools/jobs',
    { action: 'list_tasks' },
    { 'x-api-key': key },
  );
  expect(answer.status).toBe(403);
  expect(answer.error['message']).toContain(
    'the role role_of_old, which rbac_tools_matrix.yml no longer has',
  );
});
