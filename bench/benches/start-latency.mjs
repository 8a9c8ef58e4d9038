// From the instant of a schedule to the start of its run, for 1,000 tasks that
// fall due in one minute: all at one instant, and spread over the minute. Beside
// it the engine alone: its job schedulers, and plain delayed jobs, both empty.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '#core/clock';
import { nextOccurrence } from '#occurrences/occurrence-times';
import { createQueueEngine } from '#queue/create-queue-engine';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { Supervisor } from '#runner/supervise/supervisor';
import { createTaskCatalog } from '#runner/task-catalog';
import { Worker } from '#runner/worker';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openBullPool, openDatabase } from '#storage/postgres/postgres-database';
import { withPostgres, withRedis } from '../engines.mjs';
import { benchTask, noopJobs, quietSupervisor, quietWorker } from '../quiet-system.mjs';

const TASKS = 1_000;
const LEAD_MS = 15_000;

const quantile = (sorted, q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
const spread = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    p50_ms: Math.round(quantile(sorted, 0.5)),
    p99_ms: Math.round(quantile(sorted, 0.99)),
    max_ms: Math.round(sorted.at(-1)),
  };
};

/** A daily cron line of six fields for an instant. */
const cronAt = (instant) =>
  `${instant.getUTCSeconds()} ${instant.getUTCMinutes()} ${instant.getUTCHours()} * * *`;

/** When each task is due: all at once, or one after the other over a minute. */
const instants = (overMs) => {
  const first = Math.ceil((Date.now() + LEAD_MS) / 1_000) * 1_000;
  return Array.from(
    { length: TASKS },
    (_, index) => new Date(first + Math.floor((index * overMs) / TASKS / 1_000) * 1_000),
  );
};

const untilAll = async (probe, count) => {
  for (;;) {
    const found = await probe();
    if (found >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
};

const system = async ({ database, queue, overMs }) => {
  const dues = instants(overMs);
  const catalog = createTaskCatalog(
    {
      file: 'bench',
      tasks: new Map(
        dues.map((due, index) => {
          const task = benchTask(`task_${index}`, { cron: cronAt(due), timezone: 'UTC' });
          return [task.id, task];
        }),
      ),
      blackouts: new Map(),
      reconcile: 'enforce',
    },
    noopJobs(),
  );
  const ledger = createOccurrenceLedger(database);
  const applyMs = performance.now();
  await applyRegistry({ ledger, queue }, declareRegistry(catalog), 'bench');
  const applied = Math.round(performance.now() - applyMs);
  const journalDirectory = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-'));
  const supervisor = new Supervisor({
    database,
    ledger,
    queue,
    catalog,
    clock: systemClock,
    observer: quietSupervisor(),
  });
  const worker = new Worker({
    record: { id: 'bench', host: 'bench', pid: process.pid, settings: {} },
    catalog,
    database,
    occurrences: ledger,
    queue,
    clock: systemClock,
    executor: () => () => ({
      outcome: Promise.resolve({ kind: 'succeeded', summary: {} }),
      traces: () => ({ reports: [], effects: null }),
      kill: null,
    }),
    observer: quietWorker(),
    journalDirectory,
    concurrency: 16,
    shutdownGraceMs: 1_000,
    random: Math.random,
  });
  await supervisor.start();
  await worker.start();
  await untilAll(async () => {
    const [row] = await database.query(
      `SELECT count(*)::int AS n FROM task_runs WHERE finished_at IS NOT NULL`,
    );
    return row.n;
  }, TASKS);
  const rows = await database.query(
    `SELECT extract(epoch FROM started_at - scheduled_for)::float8 * 1000 AS ms, trigger FROM task_runs`,
  );
  await worker.stop();
  await supervisor.stop();
  rmSync(journalDirectory, { recursive: true, force: true });
  return {
    first_apply_ms: applied,
    ...spread(rows.map(({ ms }) => ms)),
    started_by_the_ledger: rows.filter(({ trigger }) => trigger !== 'schedule').length,
    wanted_p99_ms: 500,
  };
};

/** The engine alone, with sixteen queues as the system has. */
const engineAlone = async ({ queue, arm }) => {
  const dues = instants(0);
  const waits = [];
  const queueOf = (index) => `bare-${index % 16}`;
  const armMs = performance.now();
  for (let at = 0; at < TASKS; at += 16)
    await Promise.all(
      dues.slice(at, at + 16).map((due, offset) => arm(queueOf(at + offset), at + offset, due)),
    );
  const armed = Math.round(performance.now() - armMs);
  const consumers = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      queue.consume({
        queueName: `bare-${index}`,
        concurrency: 16,
        workerName: 'bench',
        handle: async () => {
          waits.push(Date.now() - dues[0].getTime());
          return { kind: 'complete', returnValue: null };
        },
        onError: () => undefined,
      }),
    ),
  );
  await untilAll(async () => waits.length, TASKS);
  await Promise.all(consumers.map((consumer) => consumer.stop()));
  return { arming_ms: armed, ...spread(waits.slice(0, TASKS)) };
};

const withSystem = async (dsn, target, work) => {
  const database = openDatabase({ dsn, maxConnections: 20, applicationName: 'bench' });
  const migrations = path.join(import.meta.dirname, '..', '..', 'migrations');
  await applyMigrations(database, { migrations: await listMigrations(migrations) });
  const queue = createQueueEngine(target, { onError: () => undefined, nextSlot: nextOccurrence });
  await queue.connect();
  try {
    return await work({ database, queue });
  } finally {
    await queue.close();
    await database.close();
  }
};

const byScheduler = ({ queue }) =>
  engineAlone({
    queue,
    arm: (queueName, index, due) =>
      queue.upsertScheduler({
        queueName,
        schedulerId: `task_${index}`,
        cron: cronAt(due),
        timezone: 'UTC',
        jobName: 'noop',
        data: {},
        attempts: 1,
      }),
  });

const byDelay = ({ queue }) =>
  engineAlone({
    queue,
    arm: (queueName, index, due) =>
      queue.enqueue({
        queueName,
        jobId: `task_${index}`,
        name: 'noop',
        data: {},
        attempts: 1,
        delayMs: due.getTime() - Date.now(),
      }),
  });

const CASES = {
  at_one_instant: (parts) => system({ ...parts, overMs: 0 }),
  over_one_minute: (parts) => system({ ...parts, overMs: 60_000 }),
  engine_alone_schedulers: byScheduler,
  engine_alone_delayed_jobs: byDelay,
};

const onRedis = (work) =>
  withPostgres((dsn) =>
    withRedis((redisUrl) => withSystem(dsn, { redisUrl, prefix: 'bench' }, work)),
  );

const onPostgres = (work) =>
  withPostgres(async (dsn) => {
    const pool = openBullPool({ dsn, maxConnections: 30 });
    try {
      return await withSystem(dsn, { pool }, work);
    } finally {
      await pool.end();
    }
  });

export const bench = async () => {
  const results = { tasks: TASKS, redis: {}, postgres: {} };
  for (const [name, work] of Object.entries(CASES)) {
    results.redis[name] = await onRedis(work);
    results.postgres[name] = await onPostgres(work);
  }
  return results;
};
