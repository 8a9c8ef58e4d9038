import type { Clock } from '#core/clock';
import type { Database } from '#storage/database';
import { acceptRun } from './accept-run.ts';
import { checkStart, getEntry } from './check-start.ts';
import { type AttemptEnvironment, runAttempt } from './execute/run-attempt.ts';
import { findRun } from './ledger/run-ledger.ts';
import { isFinal, type Run } from './run.ts';
import type { StartRequest } from './runs.ts';
import type { TaskCatalog } from './task-catalog.ts';

const BUSY_WAIT_MS = 1_000;

export interface InlineEnvironment extends AttemptEnvironment {
  readonly catalog: TaskCatalog;
}

/** Waits without its row looking forgotten. */
const waitInQueue = async (
  { database, clock, shutdown }: { database: Database; clock: Clock; shutdown: AbortSignal },
  run: Run,
  ms: number,
): Promise<void> => {
  const untilAt = clock.now().getTime() + ms;
  do {
    await database.execute(
      `UPDATE task_runs SET queued_at = now() WHERE id = $1 AND state = 'queued'`,
      [run.id],
    );
    const left = untilAt - clock.now().getTime();
    await clock.sleep(Math.max(0, Math.min(left, BUSY_WAIT_MS)), shutdown);
  } while (clock.now().getTime() < untilAt && !shutdown.aborted);
};

/**
 * Executes a run that has no queue job in this process, under the same leases
 * as every worker, retries included. Resolves with the ended run.
 */
export const executeHere = async (environment: InlineEnvironment, accepted: Run): Promise<Run> => {
  const { database, catalog, shutdown } = environment;
  const entry = getEntry(catalog, accepted.taskId);
  let run = accepted;
  while (!isFinal(run.state)) {
    const result = await runAttempt(environment, run, entry, {
      queueLog: () => Promise.resolve(),
      queueProgress: () => Promise.resolve(),
    });
    if (result.kind === 'busy') await waitInQueue(environment, run, BUSY_WAIT_MS);
    if (result.kind === 'retry') await waitInQueue(environment, run, result.delayMs);
    const found = await findRun(database, run.id);
    if (found === null) throw new Error(`run ${run.id} vanished from the ledger`);
    run = found;
    if (result.kind === 'requeue' || shutdown.aborted) break;
  }
  return run;
};

/** Accepts a start and executes it in this process, against the same ledger. */
export const runInline = async (
  environment: InlineEnvironment,
  request: StartRequest,
  onAccepted: (run: Run) => void,
): Promise<Run> => {
  const { database, clock, catalog } = environment;
  const now = clock.now();
  const start = checkStart(catalog, request, now);
  const { run } = await acceptRun(database, request, start, {
    now,
    retryOf: null,
    queueJob: 'inline',
  });
  onAccepted(run);
  return executeHere(environment, run);
};
