import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AuditStore } from '#audit/audit-store';
import { createMemoryAuditStore } from '#audit/backends/memory-audit-store';
import { createBoard } from '#board/board';
import { boardJobPath, toBoardQueues } from '#board/board-queue';
import { loadPolicy } from '#config/policy-files';
import { systemClock } from '#core/clock';
import { packageRoot } from '#core/package-root';
import { PostgresApiKeyStore } from '#gateway/access/postgres-api-key-store';
import { PostgresSessionStore } from '#gateway/access/postgres-session-store';
import { RBAC_MATRIX_SCHEMA, type RbacMatrix } from '#gateway/access/rbac-matrix';
import { type GatewayOptions, GatewayService } from '#gateway/gateway';
import { TOOL_LIMITS_SCHEMA } from '#gateway/governance/tool-limits';
import { createJobsTool } from '#gateway/tools/jobs-tool';
import { type BullmqQueueEngine, createQueueEngine } from '#queue/create-queue-engine';
import { createRuns } from '#runner/create-runs';
import type { JobAttempt, JobExecutor } from '#runner/execute/job-executor';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { findRunOfQueueJob } from '#runner/ledger/run-ledger';
import type { Run } from '#runner/run';
import type { Runs } from '#runner/runs';
import { createTaskCatalog } from '#runner/task-catalog';
import { Worker } from '#runner/worker';
import { openBullPool } from '#storage/postgres/connection-pool';
import { silentLogger } from '#telemetry/logger';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from './redis.ts';
import { silentWorkerObserver } from './silent-observers.ts';
import { testJobs, testRegistry } from './test-tasks.ts';

export const GATEWAY_KEY = 'the-gateway-key-of-a-test';

export interface TestGateway {
  readonly url: string;
  readonly gateway: GatewayService;
  readonly keys: PostgresApiKeyStore;
  readonly sessions: PostgresSessionStore;
  /** Keeps the events of this gateway's calls in memory. */
  readonly audit: AuditStore;
  readonly runs: Runs;
  readonly engine: BullmqQueueEngine;
  readonly database: TestDatabase;
  /** Resolves with the run once it has ended; needs `withWorker`. */
  ended(runId: string): Promise<Run>;
  stop(): Promise<void>;
}

interface Parts {
  readonly engine: BullmqQueueEngine;
  readonly close: () => Promise<void>;
}

const openEngine = (backend: 'postgres' | 'redis', database: TestDatabase): Parts => {
  const onError = (): void => {};
  if (backend === 'redis') {
    const prefix = testKeyPrefix();
    const engine = createQueueEngine({ redisUrl: sharedRedisUrl(), prefix }, { onError });
    return {
      engine,
      close: async () => {
        await engine.close();
        await dropKeys(sharedRedisUrl(), prefix);
      },
    };
  }
  const pool = openBullPool({ dsn: database.dsn, maxConnections: 20 });
  const engine = createQueueEngine({ pool }, { onError });
  return {
    engine,
    close: async () => {
      await engine.close();
      await pool.end();
    },
  };
};

/** The jobs' code alone, without stores or reports, which the tests' jobs do not ask for. */
const executor: JobExecutor = (attempt: JobAttempt) => () => ({
  outcome: attempt.entry.job.run({} as Parameters<typeof attempt.entry.job.run>[0]),
  traces: () => ({ reports: [], effects: attempt.run.dryRun ? [] : null }),
  kill: null,
});

/** The shipped matrix with the rows of the tools that a test's gateway has. */
const onlyRowsOf = (tools: readonly string[], matrix: RbacMatrix): RbacMatrix => ({
  ...matrix,
  tools: Object.fromEntries(Object.entries(matrix.tools).filter(([name]) => tools.includes(name))),
});

/** A test's own tools take the default limits; rows of tools that it does not have are left out. */
const withLimits = (options: GatewayOptions): GatewayOptions => ({
  ...options,
  limits: {
    ...options.limits,
    tools: Object.fromEntries(
      options.tools.map(({ name }) => [name, options.limits.tools[name] ?? {}]),
    ),
  },
});

const ACTOR = { id: 'test', entitlements: new Set(['*']), isAdmin: true };

/** The real gateway and board on real engines, with the policies that are shipped. */
export const startTestGateway = async (
  options: {
    readonly backend?: 'postgres' | 'redis';
    readonly withWorker?: boolean;
    /** Default: one of its own in memory. */
    readonly audit?: AuditStore;
    readonly change?: (defaults: GatewayOptions) => GatewayOptions;
  } = {},
): Promise<TestGateway> => {
  const database = await createTestDatabase();
  const { engine, close } = openEngine(options.backend ?? 'postgres', database);
  await engine.connect();
  const catalog = createTaskCatalog(testRegistry(), testJobs());
  const occurrences = createOccurrenceLedger(database.database);
  const runs = createRuns({
    catalog,
    database: database.database,
    occurrences,
    queue: engine,
    clock: systemClock,
  });
  const keys = new PostgresApiKeyStore(database.database);
  const sessions = new PostgresSessionStore(database.database, GATEWAY_KEY);
  const audit = options.audit ?? createMemoryAuditStore();
  const dir = path.join(packageRoot(), 'config');
  const queues = toBoardQueues(catalog.values());
  const queueOf = new Map(
    queues.flatMap((queue) => queue.tasks.map(({ id }) => [String(id), queue])),
  );
  const defaults: GatewayOptions = {
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    gatewayKey: { key: GATEWAY_KEY, source: 'configured', file: null },
    keys,
    sessions,
    audit,
    matrix: onlyRowsOf(
      ['jobs'],
      await loadPolicy({ dir, name: 'rbac_tools_matrix', schema: RBAC_MATRIX_SCHEMA }),
    ),
    limits: await loadPolicy({ dir, name: 'tool_limits', schema: TOOL_LIMITS_SCHEMA }),
    tools: [
      createJobsTool({
        runs,
        boardPathOf: ({ taskId, runId }) => {
          const queue = queueOf.get(taskId);
          return queue === undefined ? null : boardJobPath(queue, runId);
        },
      }),
    ],
    runs,
    mounts: [
      createBoard({
        queues,
        engine,
        runs,
        findRunId: async ({ queueName, jobId }) =>
          (await findRunOfQueueJob(database.database, queueName, jobId))?.id ?? null,
        clock: systemClock,
        environment: 'test',
      }),
    ],
    readiness: async () => [{ name: 'database', ok: true, detail: 'answers' }],
    clock: systemClock,
    logger: silentLogger(),
    version: '0.0.0',
  };
  const gateway = new GatewayService(withLimits(options.change?.(defaults) ?? defaults));
  await gateway.start();

  const journalDirectory = await mkdtemp(path.join(tmpdir(), 'opsloop-journal-'));
  const waiting = new Map<string, () => void>();
  const observer = silentWorkerObserver({ ended: (run) => waiting.get(run.id)?.() });
  const worker = options.withWorker
    ? new Worker({
        record: { id: `worker-${process.pid}`, host: 'test', pid: process.pid, settings: {} },
        catalog,
        database: database.database,
        occurrences,
        queue: engine,
        clock: systemClock,
        executor,
        observer,
        journalDirectory,
        concurrency: 4,
        shutdownGraceMs: 1_000,
        random: () => 0.5,
      })
    : null;
  await worker?.start();

  return {
    url: gateway.publicUrl,
    gateway,
    keys,
    sessions,
    audit,
    runs,
    engine,
    database,
    ended: async (runId) => {
      const told = new Promise<void>((resolve) => waiting.set(runId, resolve));
      const run = await runs.get(ACTOR, runId);
      if (run.finishedAt !== null) return run;
      await told;
      return runs.get(ACTOR, runId);
    },
    stop: async () => {
      await gateway.stop();
      await worker?.stop();
      await close();
      await database.drop();
      await rm(journalDirectory, { recursive: true, force: true });
    },
  };
};

/** Logs in as a browser does and answers the cookie. */
export const logIn = async (url: string, key: string): Promise<string> => {
  const answer = await fetch(`${url}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ api_key: key, next: '/board' }),
  });
  const cookie = answer.headers.get('set-cookie');
  if (answer.status !== 303 || cookie === null) throw new Error(`login answered ${answer.status}`);
  return cookie.split(';', 1)[0] ?? '';
};
