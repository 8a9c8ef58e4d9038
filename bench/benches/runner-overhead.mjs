// No-op runs through ledger, leases and events, against a bare BullMQ worker on
// the same backend with the same concurrency. Wanted: at least 0.7 of its throughput.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '#core/clock';
import { createQueueEngine } from '#queue/create-queue-engine';
import { createRuns } from '#runner/create-runs';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { createTaskCatalog } from '#runner/task-catalog';
import { Worker } from '#runner/worker';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openBullPool, openDatabase } from '#storage/postgres/postgres-database';
import { withPostgres, withRedis } from '../engines.mjs';
import { benchTask, noopJobs, quietWorker } from '../quiet-system.mjs';

const RUNS = 2_000;
const CONCURRENCY = 16;

const task = benchTask('noop', null);

const quiet = () => undefined;
const perSecond = (count, startedMs) =>
  Math.round(count / ((performance.now() - startedMs) / 1_000));

/** Resolves when `tick` was called `count` times. */
const countdown = (count) => {
  let left = count;
  let finish;
  const done = new Promise((resolve) => {
    finish = resolve;
  });
  return {
    done,
    tick: () => {
      left -= 1;
      if (left === 0) finish();
    },
  };
};

const bare = async (queue) => {
  for (let n = 0; n < RUNS; n += 1)
    await queue.enqueue({
      queueName: 'bare',
      jobId: `bare-${n}`,
      name: 'noop',
      data: {},
      attempts: 3,
    });
  const { done, tick } = countdown(RUNS);
  const startedMs = performance.now();
  const consumer = await queue.consume({
    queueName: 'bare',
    concurrency: CONCURRENCY,
    workerName: 'bench',
    handle: async () => {
      tick();
      return { kind: 'complete', returnValue: null };
    },
    onError: quiet,
  });
  await done;
  const rate = perSecond(RUNS, startedMs);
  await consumer.stop();
  return rate;
};

const full = async (queue, database) => {
  const catalog = createTaskCatalog(
    { file: 'bench', tasks: new Map([['noop', task]]), blackouts: new Map(), reconcile: 'enforce' },
    noopJobs(),
  );
  const occurrences = createOccurrenceLedger(database);
  const runs = createRuns({ catalog, database, occurrences, queue, clock: systemClock });
  const actor = { id: 'bench', entitlements: new Set(['*']), isAdmin: true };
  const acceptedMs = performance.now();
  for (let n = 0; n < RUNS; n += 100)
    await Promise.all(
      Array.from({ length: 100 }, () =>
        runs.start({
          taskId: 'noop',
          inputs: {},
          dryRun: false,
          force: false,
          trigger: 'cli',
          actor,
        }),
      ),
    );
  const startsPerSecond = perSecond(RUNS, acceptedMs);
  const { done, tick } = countdown(RUNS);
  const journalDirectory = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-'));
  const worker = new Worker({
    record: { id: 'bench', host: 'bench', pid: process.pid, settings: {} },
    catalog,
    database,
    occurrences,
    queue,
    clock: systemClock,
    executor:
      ({ run, entry }) =>
      () => ({
        outcome: entry.job.run({ inputs: run.inputs }),
        traces: () => ({ reports: [], effects: null }),
        kill: null,
      }),
    observer: quietWorker({ ended: tick }),
    journalDirectory,
    concurrency: CONCURRENCY,
    shutdownGraceMs: 1_000,
    random: Math.random,
  });
  const startedMs = performance.now();
  await worker.start();
  await done;
  const rate = perSecond(RUNS, startedMs);
  await worker.stop();
  rmSync(journalDirectory, { recursive: true, force: true });
  return { rate, startsPerSecond };
};

const measure = async (dsn, target) => {
  const database = openDatabase({ dsn, maxConnections: 20, applicationName: 'bench' });
  const migrations = path.join(import.meta.dirname, '..', '..', 'migrations');
  await applyMigrations(database, { migrations: await listMigrations(migrations) });
  const queue = createQueueEngine(target, { onError: quiet });
  await queue.connect();
  const bareRate = await bare(queue);
  const { rate, startsPerSecond } = await full(queue, database);
  await queue.close();
  await database.close();
  return {
    runs: RUNS,
    concurrency: CONCURRENCY,
    bare_per_second: bareRate,
    runs_per_second: rate,
    starts_per_second: startsPerSecond,
    ratio: Math.round((rate / bareRate) * 1_000) / 1_000,
    wanted_ratio: 0.7,
  };
};

export const bench = async () => ({
  redis: await withPostgres((dsn) =>
    withRedis((redisUrl) => measure(dsn, { redisUrl, prefix: 'bench' })),
  ),
  postgres: await withPostgres(async (dsn) => {
    const pool = openBullPool({ dsn, maxConnections: 20 });
    try {
      return await measure(dsn, { pool });
    } finally {
      await pool.end();
    }
  }),
});
