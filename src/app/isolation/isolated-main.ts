import { Worker } from 'node:worker_threads';
import { systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { describeError } from '#runner/execute/decide';
import { findRun } from '#runner/ledger/run-ledger';
import { catalogOf, type TaskCatalog, withJob } from '#runner/task-catalog';
import { openDatabase } from '#storage/postgres/postgres-database';
import { createInProcessExecutor } from '../execute-job.ts';
import { loadJob } from '../load-jobs.ts';
import { createPolicies } from '../policies.ts';
import type { FromChild, ToChild } from './messages.ts';

/** A job rarely needs more than a statement at a time; the worker's pool is not shared. */
const CONNECTIONS = 3;

const tell = (message: FromChild): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });

type Start = Extract<ToChild, { kind: 'start' }>;

/** What the worker sent, joined with the code; the registry's file is not asked. */
const joinCatalog = async ({ entry, others, settings }: Start): Promise<TaskCatalog> => {
  const entries = [entry, ...others].map(async (each) =>
    withJob(each, await loadJob(settings.jobsDir, each.task.job)),
  );
  // Nobody reconciles in here.
  return catalogOf(await Promise.all(entries), 'warn');
};

const execute = async (start: Start, signal: AbortSignal): Promise<void> => {
  const { settings } = start;
  const catalog = await joinCatalog(start);
  const database = openDatabase({
    dsn: start.dsn,
    maxConnections: CONNECTIONS,
    applicationName: 'opsloop-job',
  });
  try {
    const run = await findRun(database, start.runId);
    const entry = run === null ? undefined : catalog.get(run.taskId);
    if (run === null || entry === undefined)
      throw new AppError('not_found', 'the run or its task is gone');
    const executor = createInProcessExecutor({
      settings,
      database,
      adminDsn: start.adminDsn,
      catalog,
      clock: systemClock,
      policies: createPolicies(settings.policyDir),
    });
    const execution = executor({
      run,
      entry,
      lease: start.lease,
      log: {
        info: (message, fields) =>
          void tell({ kind: 'log', level: 'info', message, fields: fields ?? null }),
        warn: (message, fields) =>
          void tell({ kind: 'log', level: 'warn', message, fields: fields ?? null }),
      },
      progress: (progress) => void tell({ kind: 'progress', progress }),
    })(signal);
    try {
      const outcome = await execution.outcome;
      await tell({ kind: 'returned', outcome, traces: execution.traces() });
    } catch (error) {
      await tell({
        kind: 'threw',
        error: describeError(error),
        code: error instanceof AppError ? error.code : null,
        traces: execution.traces(),
      });
    }
  } finally {
    await database.close();
  }
};

const controller = new AbortController();
// Signals for the terminal's process group are the worker's to handle.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
// Without its worker the run is taken over elsewhere.
process.on('disconnect', () => process.exit(1));
new Worker(new URL('./parent-watch.js', import.meta.url), {
  workerData: { parentPid: process.ppid },
}).unref();
process.on('message', (message: ToChild) => {
  if (message.kind === 'abort') {
    controller.abort(new AppError('internal', message.detail));
    return;
  }
  execute(message, controller.signal)
    .catch((error: unknown) =>
      tell({
        kind: 'threw',
        error: describeError(error),
        code: error instanceof AppError ? error.code : null,
        traces: { reports: [], effects: null },
      }),
    )
    .finally(() => process.exit(0));
});
