import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packageRoot } from '#core/package-root';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from '../support/redis.ts';
import { type SystemProcess, startSystemProcess } from '../support/system-process.ts';

interface TaskText {
  readonly id: string;
  readonly job: 'poison' | 'steady';
  readonly cron: string;
  readonly more?: string;
}

const registryText = (tasks: readonly TaskText[]): string =>
  `version: 1\ntasks:\n${tasks
    .map(
      ({ id, job, cron, more = '' }) => `  ${id}:
    title: ${id}
    description: A task of a test.
    job: ${job}
    owner: test
    schedule: { cron: "${cron}", seconds: true }
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
    inputs: { type: object, additionalProperties: false, properties: {} }
${more}`,
    )
    .join('')}`;

describe.each(['redis', 'postgres'] as const)('schedules of real processes on %s', (backend) => {
  let cwd: string;
  let store: TestDatabase;
  const prefix = testKeyPrefix();
  const processes: SystemProcess[] = [];

  beforeEach(async () => {
    cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-chaos-'));
    chmodSync(cwd, 0o755);
    store = await createTestDatabase({ template: 'empty' });
  });
  afterEach(async () => {
    for (const each of processes.splice(0)) {
      each.signal('SIGKILL');
      await each.ended;
    }
    await store.drop();
    if (backend === 'redis') await dropKeys(sharedRedisUrl(), prefix);
    rmSync(cwd, { recursive: true, force: true });
  });

  const start = async (
    registry: string,
    role: 'all' | 'gateway' | 'worker' = 'all',
  ): Promise<SystemProcess> => {
    const file = path.join(cwd, `registry-${processes.length}.yml`);
    writeFileSync(file, registry);
    const system = await startSystemProcess({
      cwd,
      role,
      env: {
        GATEWAY_PORT: '0',
        GATEWAY_API_KEY: 'key-of-the-chaos-tests',
        DATABASE_URL: store.dsn,
        OPSLOOP_REGISTRY: file,
        OPSLOOP_JOBS_DIR: path.join(packageRoot(), 'test', 'fixtures', 'schedule-jobs'),
        ...(backend === 'redis' ? { REDIS_URL: sharedRedisUrl(), QUEUE_PREFIX: prefix } : {}),
      },
    });
    processes.push(system);
    return system;
  };

  const query = <Row extends object>(text: string): Promise<readonly Row[]> =>
    store.database.query<Row>(text);

  const until = <T>(probe: () => Promise<T | null>): Promise<T> =>
    vi.waitFor(
      async () => {
        const found = await probe();
        if (found === null) throw new Error('not yet');
        return found;
      },
      { timeout: 100_000, interval: 200 },
    );

  it('row 2: a scheduled job that kills its worker is stopped, and its task paused', async () => {
    const registry = registryText([
      { id: 'poison', job: 'poison', cron: '*/2 * * * * *', more: '    max_crashes: 2\n' },
      { id: 'steady', job: 'steady', cron: '*/2 * * * * *' },
    ]);
    // Restarted as a service manager would, until it stays up.
    for (let deaths = 0; ; deaths += 1) {
      const system = await start(registry);
      const stays = until(async () => {
        const rows = await query<{ task_id: string }>(
          `SELECT task_id FROM task_pauses WHERE paused_by = 'runner' AND resumed_at IS NULL`,
        );
        return rows.length === 1 ? 'stays' : null;
      });
      const what = await Promise.race([stays, system.ended.then(() => 'dies')]);
      if (what === 'stays') break;
      stays.catch(() => undefined);
      expect(deaths).toBeLessThan(4);
    }
    const runs = await query<{ state: string; attempts: number; crashes: number }>(
      `SELECT state, attempts, crashes FROM task_runs WHERE task_id = 'poison' AND attempts > 0 ORDER BY id`,
    );
    // One run of the task took two workers with it, and no further one was started.
    expect(runs).toEqual([{ state: 'failed', attempts: 2, crashes: 2 }]);
    const ends = await query<{ state: string; reason: string }>(
      `SELECT DISTINCT state, reason FROM occurrences WHERE task_id = 'poison' AND state = 'failed'`,
    );
    expect(ends).toEqual([{ state: 'failed', reason: 'crash' }]);
    // The neighbour goes on.
    const [before] = await query<{ n: number }>(
      `SELECT count(*)::int AS n FROM occurrences WHERE task_id = 'steady' AND state = 'ran'`,
    );
    await until(async () => {
      const [now] = await query<{ n: number }>(
        `SELECT count(*)::int AS n FROM occurrences WHERE task_id = 'steady' AND state = 'ran'`,
      );
      return (now?.n ?? 0) > (before?.n ?? 0) + 1 ? now : null;
    });
  });

  it('a gateway sees what its workers miss while none of them is alive', async () => {
    const registry = registryText([
      { id: 'monitor', job: 'steady', cron: '* * * * * *', more: '    catch_up: none\n' },
      { id: 'poison', job: 'poison', cron: '0 0 0 1 1 *' },
    ]);
    const worker = await start(registry, 'worker');
    await start(registry, 'gateway');
    worker.signal('SIGKILL');
    await worker.ended;
    const [since] = await query<{ at: Date }>('SELECT now() AS at');
    const missed = await until(async () => {
      const rows = await store.database.query<{ reason: string }>(
        `SELECT reason FROM occurrences WHERE task_id = 'monitor' AND state = 'missed' AND scheduled_for > $1`,
        [since?.at],
      );
      return rows.length >= 3 ? rows : null;
    });
    expect(new Set(missed.map(({ reason }) => reason))).toEqual(new Set(['catch_up']));
    const alarms = await query<{ kind: string; count: number }>(
      `SELECT kind, count FROM task_alarms WHERE task_id = 'monitor' AND cleared_at IS NULL AND kind = 'missed'`,
    );
    expect(alarms).toHaveLength(1);
    expect(alarms[0]?.count).toBeGreaterThanOrEqual(3);
  });

  it('two hosts with different registries converge on the last one applied, without flapping', async () => {
    const first = registryText([
      { id: 'both', job: 'steady', cron: '* * * * * *' },
      { id: 'old', job: 'poison', cron: '0 0 0 1 1 *' },
    ]);
    const second = registryText([
      { id: 'both', job: 'steady', cron: '*/2 * * * * *' },
      { id: 'new', job: 'poison', cron: '0 0 0 1 1 *' },
    ]);
    await start(first);
    const other = await start(second);
    const crons = () =>
      query<{ task_id: string; cron: string }>(
        `SELECT task_id, declaration -> 'task' -> 'schedule' ->> 'cron' AS cron
         FROM task_declarations WHERE valid_to IS NULL ORDER BY task_id`,
      );
    const inForce = [
      { task_id: 'both', cron: '*/2 * * * * *' },
      { task_id: 'new', cron: '0 0 0 1 1 *' },
    ];
    expect(await crons()).toEqual(inForce);
    const [since] = await query<{ at: Date }>('SELECT now() AS at');
    // The first host goes on working and supervising, and leaves the law alone.
    other.signal('SIGTERM');
    await other.ended;
    await until(async () => {
      const [row] = await store.database.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM occurrences
         WHERE task_id = 'both' AND state IN ('ran', 'ran_late') AND scheduled_for > $1`,
        [since?.at],
      );
      return (row?.n ?? 0) >= 3 ? row : null;
    });
    const odd = await store.database.query(
      `SELECT 1 FROM occurrences WHERE task_id = 'both' AND scheduled_for > $1
         AND extract(second FROM scheduled_for)::int % 2 = 1`,
      [since?.at],
    );
    expect(odd).toEqual([]);
    expect(await crons()).toEqual(inForce);
    expect(await query('SELECT revision FROM registry_revisions')).toHaveLength(2);
  });
});
