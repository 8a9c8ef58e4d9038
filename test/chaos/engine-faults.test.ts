import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { createTestDatabase, startDisposablePostgres } from '../support/postgres.ts';
import { sharedRedisUrl, startDisposableRedis, testKeyPrefix } from '../support/redis.ts';
import { eventually } from '../support/runner-world.ts';
import { SystemClient } from '../support/system-client.ts';
import { type SystemProcess, startSystemProcess } from '../support/system-process.ts';

const KEY = 'key-of-the-chaos-tests';

describe('a system of real processes', () => {
  let cwd: string;
  const cleanUps: (() => Promise<unknown>)[] = [];

  beforeEach(() => {
    cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-chaos-'));
    chmodSync(cwd, 0o755);
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    rmSync(cwd, { recursive: true, force: true });
  });

  const start = async (
    env: Readonly<Record<string, string>>,
    role: 'all' | 'gateway' | 'worker' = 'all',
  ): Promise<SystemProcess> => {
    const fixtures = path.join(packageRoot(), 'test', 'fixtures');
    const system = await startSystemProcess({
      cwd,
      role,
      env: {
        GATEWAY_PORT: '0',
        GATEWAY_API_KEY: KEY,
        OPSLOOP_REGISTRY: path.join(fixtures, 'acceptance-registry.yml'),
        OPSLOOP_JOBS_DIR: path.join(fixtures, 'jobs'),
        ...env,
      },
    });
    cleanUps.push(async () => {
      system.signal('SIGCONT');
      system.signal('SIGKILL');
      await system.ended;
    });
    return system;
  };

  it('Redis dies under a run: it ends once, and the queue goes on afterwards', async () => {
    const database = await createTestDatabase();
    cleanUps.push(() => database.drop());
    const redis = await startDisposableRedis({ appendOnly: true });
    cleanUps.push(() => redis.destroy());
    const system = await start({ DATABASE_URL: database.dsn, REDIS_URL: redis.url });
    const client = new SystemClient(system, KEY);
    const file = path.join(cwd, 'go');
    const runId = await client.start('held', { until_file: file });
    await client.untilState(runId, 'running');

    await redis.kill();
    const refused = await client.call({
      action: 'start_task',
      params: { task_id: 'held', inputs: { until_file: file }, dry_run: true },
    });
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
    writeFileSync(file, '');
    expect(await client.untilEnded(runId)).toMatchObject({ state: 'succeeded', attempts: 1 });

    await redis.start();
    const next = await eventually(async () => {
      const { status, body } = await client.call({
        action: 'start_task',
        params: { task_id: 'held', inputs: { until_file: file } },
      });
      return status === 202 ? String(body['run_id']) : null;
    });
    expect(await client.untilEnded(next)).toMatchObject({ state: 'succeeded', attempts: 1 });
    expect(await client.getRun(runId)).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  it('PostgreSQL, ledger and queue in one, dies under a run: it ends once, and the queue goes on afterwards', async () => {
    const server = await startDisposablePostgres();
    cleanUps.push(() => server.dispose());
    const system = await start({ DATABASE_URL: server.dsn });
    const client = new SystemClient(system, KEY);
    const file = path.join(cwd, 'go');
    const runId = await client.start('held', { until_file: file });
    await client.untilState(runId, 'running');

    await server.kill9();
    expect(await client.call({ action: 'list_runs', params: {} })).toMatchObject({ status: 503 });
    const ready = await fetch(`${system.gatewayUrl}/readyz`);
    expect(ready.status).toBe(503);
    writeFileSync(file, '');
    await server.start();
    expect(await client.untilEnded(runId)).toMatchObject({ state: 'succeeded', crashes: 0 });
    const next = await client.start('held', { until_file: file });
    expect(await client.untilEnded(next)).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  it.each(['redis', 'postgres'] as const)(
    'on %s a frozen worker that wakes up again cannot end the run that another took over',
    async (backend) => {
      const { dsn, database, drop } = await createTestDatabase();
      cleanUps.push(drop);
      const env = {
        DATABASE_URL: dsn,
        ...(backend === 'redis'
          ? { REDIS_URL: sharedRedisUrl(), QUEUE_PREFIX: testKeyPrefix() }
          : {}),
      };
      const gateway = await start(env, 'gateway');
      const workers = await Promise.all([start(env, 'worker'), start(env, 'worker')]);
      const client = new SystemClient(gateway, KEY);
      const file = path.join(cwd, 'go');
      const runId = await client.start('held', { until_file: file });
      const holder = await eventually(async () => {
        const [row] = await database.query<{ pid: number }>(
          `SELECT w.pid FROM task_runs r JOIN workers w ON w.id = r.worker
           WHERE r.id = $1 AND r.state = 'running'`,
          [runId],
        );
        return row;
      });
      const frozen = workers.find(({ pid }) => pid === holder.pid);
      const other = workers.find(({ pid }) => pid !== holder.pid);
      frozen?.signal('SIGSTOP');
      await client.untilRun(runId, (run) => run['attempts'] === 2 && run['state'] === 'running');
      // The one that took over is frozen in its turn, so that the first alone sees the file.
      other?.signal('SIGSTOP');
      writeFileSync(file, '');
      frozen?.signal('SIGCONT');
      await eventually(async () => frozen?.log().includes('attempt void') ?? false);
      expect(await client.getRun(runId)).toMatchObject({ state: 'running', attempts: 2 });
      other?.signal('SIGCONT');
      expect(await client.untilEnded(runId)).toMatchObject({
        state: 'succeeded',
        result: { pid: other?.pid },
      });
    },
  );

  it('stops within its grace when both engines are away', async () => {
    const server = await startDisposablePostgres();
    cleanUps.push(() => server.dispose());
    const redis = await startDisposableRedis({ appendOnly: true });
    cleanUps.push(() => redis.destroy());
    const system = await start({
      DATABASE_URL: server.dsn,
      REDIS_URL: redis.url,
      SHUTDOWN_GRACE_SECONDS: '2',
    });
    const client = new SystemClient(system, KEY);
    const runId = await client.start('held', { until_file: path.join(cwd, 'never') });
    await client.untilState(runId, 'running');
    await server.kill9();
    await redis.kill();
    system.signal('SIGTERM');
    expect((await system.ended).signal).toBeNull();
  });
});
