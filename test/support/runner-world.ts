import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { Type } from 'typebox';
import { vi } from 'vitest';
import { systemClock } from '#core/clock';
import type { RunId, TaskId } from '#core/ids';
import type { JsonSchema } from '#core/json';
import { packageRoot } from '#core/package-root';
import type { JobDefinition } from '#job-kit/job';
import type { BullmqQueueEngine } from '#queue/bullmq-queue-engine';
import { createQueueEngine } from '#queue/create-queue-engine';
import type { PlanItem } from '#registry/plan-registry';
import type { BlackoutCalendar, TaskDefinition } from '#registry/task';
import { createRuns } from '#runner/create-runs';
import type { JobExecutor } from '#runner/execute/job-executor';
import type { OccurrenceLedger } from '#runner/ledger/occurrence-ledger';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { findRun } from '#runner/ledger/run-ledger';
import type { Actor, Run, RunState } from '#runner/run';
import type { Runs, StartRequest } from '#runner/runs';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { Supervisor, type SupervisorOptions } from '#runner/supervise/supervisor';
import { createTaskCatalog, type TaskCatalog } from '#runner/task-catalog';
import { Worker, type WorkerOptions } from '#runner/worker';
import type { Database } from '#storage/database';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openBullPool, openDatabase } from '#storage/postgres/postgres-database';
import { backdateDeclarations } from './backdate-declarations.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from './redis.ts';
import { silentSupervisorObserver, silentWorkerObserver } from './silent-observers.ts';

export const ADMIN: Actor = { id: 'test:admin', entitlements: new Set(['*']), isAdmin: true };

/** A task with short waits; `over` replaces what a test is about. */
export const makeTask = (id: string, over: Partial<TaskDefinition> = {}): TaskDefinition => ({
  id: id as TaskId,
  title: id,
  description: `The task ${id} of a test.`,
  job: id,
  owner: 'test',
  group: 'test',
  schedule: null,
  after: [],
  blackouts: [],
  notify: null,
  timezone: 'UTC',
  permissions: { start: ['tools.jobs.start'], read: ['tools.jobs.read'] },
  inputs: {
    type: 'object',
    additionalProperties: false,
    properties: { n: { type: 'integer', minimum: 0, default: 1 } },
  } as JsonSchema,
  outputs: [],
  dryRun: true,
  destructive: false,
  isolate: false,
  enabled: true,
  timeoutMs: 60_000,
  attempts: 3,
  backoff: { type: 'fixed', delayMs: 50, jitter: 0 },
  overlap: 'skip',
  catchUp: 'latest',
  catchUpWindowMs: 86_400_000,
  lateAfterMs: 'auto',
  keepRunsMs: 86_400_000,
  maxCrashes: 2,
  queue: null,
  position: { line: 1, column: 1 },
  ...over,
});

export type JobRun = JobDefinition['run'];

export const SUCCEEDED = { kind: 'succeeded', summary: {} } as const;

export interface TestTask {
  readonly task: TaskDefinition;
  readonly reads?: 'history' | 'live';
  readonly run: JobRun;
}

/** Runs a job without stores or reports: the runner is what is tested. */
const bareExecutor: JobExecutor =
  ({ run, entry, log, progress }) =>
  (signal) => ({
    outcome: (async () =>
      entry.job.run({
        inputs: run.inputs,
        scheduledFor: run.scheduledFor,
        window: { from: run.scheduledFor, to: run.scheduledFor },
        timezone: 'UTC',
        signal,
        log,
        progress,
        clock: systemClock,
      } as unknown as Parameters<JobRun>[0]))(),
    traces: () => ({ reports: [], effects: run.dryRun ? [] : null }),
    kill: null,
  });

export interface RunnerWorld {
  readonly database: Database;
  readonly ledger: OccurrenceLedger;
  readonly queue: BullmqQueueEngine;
  readonly catalog: TaskCatalog;
  readonly runs: Runs;
  readonly journalDirectory: string;
  /** What workers reported as unexpected; a test may look at it. */
  readonly unexpected: readonly unknown[];
  start(taskId: string, over?: Partial<StartRequest>): Promise<RunId>;
  startWorker(over?: Partial<WorkerOptions>): Promise<Worker>;
  /** Resolves after its first look. */
  startSupervisor(over?: Partial<SupervisorOptions>): Promise<Supervisor>;
  /** Makes the tasks of the world the law, as another host with its registry would; answers what that changed. */
  apply(): Promise<readonly PlanItem[]>;
  /** The queue engine loses everything: a Redis that restarts without persistence. */
  emptyEngine(): Promise<void>;
  /** As if the registry in force had been applied that long ago, and nothing had run since. */
  backdate(ms: number): Promise<void>;
  /** A second queue engine, as another process would have. */
  newQueue(): BullmqQueueEngine;
  /** Waits until the run is in one of the states. */
  untilState(runId: string, ...states: RunState[]): Promise<Run>;
  close(): Promise<void>;
}

/** Waits until `probe` answers something, 45 s at most. */
export const eventually = <T>(probe: () => Promise<T | null | undefined | false>): Promise<T> =>
  vi.waitFor(
    async () => {
      const found = await probe();
      if (found === null || found === undefined || found === false) throw new Error('not yet');
      return found;
    },
    { timeout: 45_000, interval: 25 },
  );

/** A ledger on a server of the test's own, which it may stop and kill. */
const openLedgerAt = async (dsn: string): Promise<TestDatabase> => {
  const database = openDatabase({ dsn, maxConnections: 10, applicationName: 'test' });
  await applyMigrations(database, {
    migrations: await listMigrations(path.join(packageRoot(), 'migrations')),
  });
  return { dsn, database, drop: () => database.close() };
};

/** The world's tasks as another registry would have them, with the same jobs. */
export const changedCatalog = (
  world: RunnerWorld,
  change: (task: TaskDefinition) => TaskDefinition,
): TaskCatalog =>
  createTaskCatalog(
    {
      file: 'test',
      tasks: new Map([...world.catalog].map(([id, { task }]) => [id, change(task)])),
      blackouts: new Map(),
      reconcile: 'enforce',
    },
    new Map([...world.catalog.values()].map(({ task, job }) => [task.job, job])),
  );

export const openRunnerWorld = async (
  backend: 'redis' | 'postgres',
  tasks: readonly TestTask[],
  options: {
    readonly ledgerDsn?: string;
    readonly blackouts?: readonly BlackoutCalendar[];
  } = {},
): Promise<RunnerWorld> => {
  const { dsn, database, drop } =
    options.ledgerDsn === undefined
      ? await createTestDatabase()
      : await openLedgerAt(options.ledgerDsn);
  const prefix = testKeyPrefix();
  const pools: pg.Pool[] = [];
  const queues: BullmqQueueEngine[] = [];
  const workers: Worker[] = [];
  const unexpected: unknown[] = [];
  const journalDirectory = mkdtempSync(path.join(tmpdir(), 'opsloop-journal-'));

  let isEmptied = false;
  // A worker that had a job in hand when the engine was emptied says that it is gone.
  const note = (_what: string, error: unknown): void => {
    if (!isEmptied || !/Missing (key|lock)/.test(String(error))) unexpected.push(error);
  };

  const newQueue = (): BullmqQueueEngine => {
    const onError = (): void => undefined;
    const pool = backend === 'postgres' ? openBullPool({ dsn, maxConnections: 20 }) : null;
    if (pool !== null) pools.push(pool);
    const queue = createQueueEngine(
      pool === null ? { redisUrl: sharedRedisUrl(), prefix } : { pool },
      { onError },
    );
    queues.push(queue);
    return queue;
  };

  const queue = newQueue();
  await queue.connect();
  const catalog = createTaskCatalog(
    {
      file: 'test',
      tasks: new Map(tasks.map(({ task }) => [task.id, task])),
      blackouts: new Map((options.blackouts ?? []).map((each) => [each.name, each])),
      reconcile: 'enforce',
    },
    new Map(
      tasks.map(({ task, run, reads }) => [
        task.job,
        { reads: reads ?? 'live', inputs: Type.Object({}), needs: [], run },
      ]),
    ),
  );
  const ledger = createOccurrenceLedger(database);
  const runs = createRuns({ catalog, database, occurrences: ledger, queue, clock: systemClock });
  const supervisors: Supervisor[] = [];

  return {
    database,
    ledger,
    queue,
    catalog,
    runs,
    journalDirectory,
    unexpected,
    newQueue,
    async start(taskId, over = {}) {
      const { runId } = await runs.start({
        taskId,
        inputs: {},
        dryRun: false,
        force: false,
        trigger: 'gateway',
        actor: ADMIN,
        ...over,
      });
      return runId;
    },
    async startWorker(over = {}) {
      const id = `worker-${randomUUID().slice(0, 8)}`;
      const worker = new Worker({
        record: { id, host: 'test', pid: process.pid, settings: {} },
        catalog,
        database,
        occurrences: ledger,
        queue: workers.length === 0 ? queue : newQueue(),
        clock: systemClock,
        executor: bareExecutor,
        observer: silentWorkerObserver({ unexpected: note }),
        journalDirectory,
        concurrency: 8,
        shutdownGraceMs: 1_000,
        random: () => 0.5,
        ...over,
      });
      workers.push(worker);
      await worker.start();
      return worker;
    },
    async startSupervisor(over = {}) {
      const supervisor = new Supervisor({
        database,
        ledger,
        queue,
        catalog,
        clock: systemClock,
        observer: silentSupervisorObserver({ unexpected: note }),
        ...over,
      });
      supervisors.push(supervisor);
      await supervisor.start();
      return supervisor;
    },
    apply: async () =>
      (await applyRegistry({ ledger, queue }, declareRegistry(catalog), 'test')).items,
    emptyEngine: async () => {
      isEmptied = true;
      if (backend === 'redis') await dropKeys(sharedRedisUrl(), prefix);
      else await database.execute('TRUNCATE bullmq.job, bullmq.scheduler CASCADE');
    },
    backdate: (ms) => backdateDeclarations(database, ms),
    untilState: (runId, ...states) =>
      eventually(async () => {
        const run = await findRun(database, runId);
        return run !== null && states.includes(run.state) ? run : null;
      }),
    async close() {
      await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
      await Promise.all(workers.map((worker) => worker.stop()));
      await Promise.all(queues.map((each) => each.close()));
      await Promise.all(pools.map((pool) => pool.end()));
      await drop();
      if (backend === 'redis') await dropKeys(sharedRedisUrl(), prefix);
      rmSync(journalDirectory, { recursive: true, force: true });
    },
  };
};
