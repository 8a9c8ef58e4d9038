import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '#core/clock';
import { packageRoot } from '#core/package-root';
import { nextOccurrence } from '#occurrences/occurrence-times';
import { type BullmqQueueEngine, createQueueEngine } from '#queue/create-queue-engine';
import { openBullPool } from '#storage/postgres/connection-pool';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from '../support/redis.ts';
import { SystemClient } from '../support/system-client.ts';
import { type SystemProcess, startSystemProcess } from '../support/system-process.ts';

const KEY = 'key-of-the-acceptance-tests';

interface Task {
  readonly id: string;
  readonly title?: string;
  readonly cron?: string;
  readonly zone?: string;
  readonly isolate?: boolean;
}

/** Ends at once by default: the root folder is there. */
const taskText = ({ id, title = id, cron, zone = 'UTC', isolate = false }: Task): string => `
  ${id}:
    title: ${title}
    description: Waits for a file.
    job: held
    owner: test
    isolate: ${isolate}
    ${cron === undefined ? '' : `schedule: { cron: "${cron}", timezone: ${zone} }`}
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
    inputs:
      type: object
      additionalProperties: false
      properties:
        until_file: { type: string, default: / }
`;

const registryOf = (...tasks: readonly Task[]): string => `version: 1
tasks:
  other:
    title: Other
    description: Every job has a task.
    job: stubborn
    owner: test
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
${tasks.map(taskText).join('')}`;

/** Line 3 opens a task without what a task needs; the column is that of its key. */
const BROKEN = 'version: 1\ntasks:\n  other: { title: Other }\n';

const FIRST: Task = { id: 'first' };
const ADDED: Task = { id: 'added', cron: '0 3 * * *' };

// Each start is a process of its own.
describe('a registry that is changed under the built program', { timeout: 120_000 }, () => {
  let cwd: string;
  let file: string;
  let ledger: TestDatabase;
  const systems: SystemProcess[] = [];
  const cleanUps: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-reload-'));
    file = path.join(cwd, 'registry', 'tasks.yml');
    mkdirSync(path.dirname(file));
    writeFileSync(file, registryOf(FIRST));
    ledger = await createTestDatabase();
    cleanUps.push(() => ledger.drop());
  });
  afterEach(async () => {
    for (const system of systems.splice(0)) {
      system.signal('SIGKILL');
      await system.ended;
    }
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    rmSync(cwd, { recursive: true, force: true });
  });

  const start = async (
    env: Readonly<Record<string, string>> = {},
    role: 'all' | 'gateway' = 'all',
  ): Promise<{ readonly system: SystemProcess; readonly client: SystemClient }> => {
    const system = await startSystemProcess({
      cwd,
      role,
      env: {
        GATEWAY_PORT: '0',
        GATEWAY_API_KEY: KEY,
        DATABASE_URL: ledger.dsn,
        OPSLOOP_REGISTRY: file,
        OPSLOOP_JOBS_DIR: path.join(packageRoot(), 'test', 'fixtures', 'jobs'),
        ...env,
      },
    });
    systems.push(system);
    return { system, client: new SystemClient(system, KEY) };
  };

  /** The queue engine of the system, as another process sees it. */
  const openQueue = (backend: 'postgres' | 'redis') => {
    const onError = (): void => undefined;
    if (backend === 'redis') {
      const prefix = testKeyPrefix();
      const queue = createQueueEngine({ redisUrl: sharedRedisUrl(), prefix }, { onError });
      cleanUps.push(async () => {
        await queue.close();
        await dropKeys(sharedRedisUrl(), prefix);
      });
      return { queue, env: { REDIS_URL: sharedRedisUrl(), QUEUE_PREFIX: prefix } };
    }
    const pool = openBullPool({ dsn: ledger.dsn, maxConnections: 5 });
    const queue = createQueueEngine({ pool }, { onError });
    cleanUps.push(async () => {
      await queue.close();
      await pool.end();
    });
    return { queue, env: {} };
  };

  /** As editors do: the new file takes the place of the old one. */
  const replace = (text: string): void => {
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
  };

  /** Asks a few times a second, as the tool's rate limit allows. */
  const until = (probe: () => Promise<boolean> | boolean): Promise<void> =>
    vi.waitFor(
      async () => {
        if (!(await probe())) throw new Error('not yet');
      },
      { timeout: 30_000, interval: 400 },
    );

  const titles = async (client: SystemClient): Promise<readonly string[]> => {
    const { body } = await client.call({ action: 'list_tasks', params: {} });
    const tasks = body['tasks'] as readonly { readonly title: string }[];
    return tasks.map(({ title }) => title);
  };
  const untilTitled = (client: SystemClient, ...expected: readonly string[]) =>
    until(async () => (await titles(client)).join() === ['Other', ...expected].join());

  const crons = async (queue: BullmqQueueEngine, queueName: string) =>
    (await queue.listSchedulers(queueName)).map(({ cron }) => cron);

  /** Names of the queues that the board shows. */
  const boardQueues = async (system: SystemProcess): Promise<readonly string[]> => {
    const answer = await fetch(`${system.gatewayUrl}/board/api/queues`, {
      headers: { 'X-API-Key': KEY },
    });
    const { queues } = (await answer.json()) as { queues: readonly { readonly name: string }[] };
    return queues.map(({ name }) => name);
  };

  const registryCheck = async (system: SystemProcess): Promise<string> => {
    const answer = await fetch(`${system.gatewayUrl}/readyz`);
    expect(answer.status).toBe(200);
    const { checks } = (await answer.json()) as {
      checks: readonly { readonly name: string; readonly detail: string }[];
    };
    return checks.find(({ name }) => name === 'registry')?.detail ?? '';
  };

  const reloads = (system: SystemProcess): number =>
    system.log().split('registry read again and in force').length - 1;

  it.each(['redis', 'postgres'] as const)(
    'on %s a task that is added is listed, scheduled and run; one that is removed is not',
    async (backend) => {
      const { queue, env } = openQueue(backend);
      const { system, client } = await start(env);
      expect(await titles(client)).toEqual(['Other', 'first']);
      replace(registryOf(FIRST, ADDED));
      await untilTitled(client, 'first', 'added');
      expect(await crons(queue, 'added')).toEqual(['0 3 * * *']);
      await client.untilState(await client.start('added'), 'succeeded');
      const started = await client.call({ action: 'start_task', params: { task_id: 'added' } });
      expect(started.body['board_url']).toContain('/board/queue/test.added/');
      await until(async () => (await boardQueues(system)).includes('test.added'));

      writeFileSync(file, registryOf(FIRST, { ...ADDED, title: 'moved', cron: '0 4 * * *' }));
      await untilTitled(client, 'first', 'moved');
      expect(await crons(queue, 'added')).toEqual(['0 4 * * *']);
      replace(registryOf(FIRST));
      await untilTitled(client, 'first');
      expect(await crons(queue, 'added')).toEqual([]);
      expect(
        (await client.call({ action: 'start_task', params: { task_id: 'added' } })).status,
      ).toBe(404);
      expect(reloads(system)).toBe(3);
      const applied = await ledger.database.query<{ applied_by: string }>(
        'SELECT applied_by FROM registry_revisions ORDER BY revision',
      );
      expect(applied.map(({ applied_by: by }) => by.split(':', 1)[0])).toEqual([
        'start',
        'reload',
        'reload',
        'reload',
      ]);
    },
  );

  it('a file that is wrong is refused with the place of its faults, and the old one stays', async () => {
    const apart: Task = { id: 'apart', isolate: true };
    writeFileSync(file, registryOf(FIRST, apart));
    const { system, client } = await start();
    expect(await registryCheck(system)).toBe('3 tasks in force');
    writeFileSync(file, BROKEN);
    await until(() => system.log().includes('the registry in force stays'));
    expect(system.log()).toMatch(/"level":"error".*"place":"registry\/tasks\.yml:3:3"/);
    expect(await registryCheck(system)).toMatch(
      /^3 tasks in force; the file on disk is refused: registry\/tasks\.yml:3:3 other: .* \(and \d+ more\)$/,
    );
    expect(await titles(client)).toEqual(['Other', 'first', 'apart']);
    // Also one that runs in a process of its own, which does not ask the file.
    await client.untilState(await client.start('apart'), 'succeeded');
    await client.untilState(await client.start('first'), 'succeeded');

    replace(registryOf({ ...FIRST, title: 'fixed' }, apart));
    system.signal('SIGHUP');
    await untilTitled(client, 'fixed', 'apart');
    expect(await registryCheck(system)).toBe('3 tasks in force');
  });

  it('the slots of its schedulers are the instants that the ledger expects', async () => {
    // In the gap of half an hour on the first of these Sundays, which BullMQ's own arithmetic leaves out.
    const cron = '15 2 * 10 0';
    const zone = 'Australia/Lord_Howe';
    const { queue, env } = openQueue('redis');
    const { client } = await start(env);
    replace(registryOf(FIRST, { id: 'island', cron, zone }));
    await untilTitled(client, 'first', 'island');
    const [scheduler] = await queue.listSchedulers('island');
    expect(scheduler?.nextAt).toEqual(nextOccurrence({ cron, timezone: zone }, systemClock.now()));
  });

  it('SIGHUP reads the file again although it is the same', async () => {
    const { system, client } = await start();
    expect(reloads(system)).toBe(0);
    system.signal('SIGHUP');
    await until(() => reloads(system) === 1);
    system.signal('SIGHUP');
    await until(() => reloads(system) === 2);
    expect(await titles(client)).toEqual(['Other', 'first']);
    system.signal('SIGTERM');
    expect(await system.ended).toEqual({ code: 0, signal: null });
  });

  it('a process that only serves lists what its file says and leaves the law alone', async () => {
    const { client } = await start({}, 'gateway');
    replace(registryOf(FIRST, ADDED));
    await untilTitled(client, 'first', 'added');
    expect(await ledger.database.query('SELECT 1 FROM registry_revisions')).toEqual([]);
  });
});
