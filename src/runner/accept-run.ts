import { AppError } from '#core/errors';
import { inputsHash, newRunId, type RunId, type TaskId } from '#core/ids';
import type { Database, Sql } from '#storage/database';
import type { CheckedStart } from './check-start.ts';
import { findRememberedStart, rememberStart } from './ledger/idempotency.ts';
import { findActiveRun, findRun, insertRun } from './ledger/run-ledger.ts';
import { lockTask } from './ledger/task-lock.ts';
import { findPause } from './ledger/task-pauses.ts';
import type { Run } from './run.ts';
import type { StartRequest } from './runs.ts';

export interface Accepted {
  readonly run: Run;
  /** The same Idempotency-Key started it before. */
  readonly repeated: boolean;
}

const requireDryRunFirst = async (
  sql: Sql,
  request: StartRequest,
  start: CheckedStart,
): Promise<void> => {
  const { task } = start.entry;
  if (!task.destructive || request.dryRun || request.force) return;
  const how = `start it with dry_run first and pass that run's id as dry_run_id within 24 hours, with the same inputs`;
  if (request.dryRunId === undefined)
    throw new AppError('conflict', `task ${task.id} is destructive: ${how}`);
  const rows = await sql.query(
    `SELECT 1 FROM task_runs WHERE id = $1 AND task_id = $2 AND dry_run AND state = 'succeeded'
       AND inputs_hash = $3 AND finished_at > now() - interval '24 hours'`,
    [request.dryRunId, task.id, start.inputsHash],
  );
  if (rows.length === 0)
    throw new AppError(
      'conflict',
      `dry_run_id does not name a succeeded dry-run of ${task.id} with these inputs from the last 24 hours; ${how}`,
    );
};

const refuseOverlap = async (sql: Sql, taskId: TaskId): Promise<void> => {
  const active = await findActiveRun(sql, taskId);
  if (active !== null)
    throw new AppError('overlap', `task ${taskId} is ${active.state} already`, {
      details: { active_run_id: active.id },
      retryAfterSeconds: 5,
    });
};

const findRepeated = async (
  sql: Sql,
  request: StartRequest,
  requestHash: string,
): Promise<Run | null> => {
  if (request.idempotencyKey === undefined) return null;
  const remembered = await findRememberedStart(sql, request.actor.id, request.idempotencyKey);
  if (remembered === null) return null;
  if (remembered.requestHash !== requestHash)
    throw new AppError(
      'idempotency_conflict',
      'this Idempotency-Key was used for another start; take a new key for other inputs',
      { details: { run_id: remembered.runId } },
    );
  return findRun(sql, remembered.runId);
};

/**
 * Writes the run into the ledger as `queued`, unless the task is paused, runs
 * already (`overlap: skip`) or wants a dry-run first. Dry-runs overlap freely:
 * they change nothing.
 */
export const acceptRun = (
  database: Database,
  request: StartRequest,
  start: CheckedStart,
  options: {
    readonly now: Date;
    readonly retryOf: RunId | null;
    /** `own`: a queue job with the run's id follows. `inline`: this process executes it. Else the job that is there already. */
    readonly queueJob: 'own' | 'inline' | { readonly jobId: string };
  },
): Promise<Accepted> =>
  database.transaction(async (sql) => {
    const { task, queueName } = start.entry;
    await lockTask(sql, task.id);
    // The default of scheduled_for moves with time, so only what was asked for counts.
    const requestHash = inputsHash({
      task_id: task.id,
      inputs: start.inputs,
      dry_run: request.dryRun,
      scheduled_for: request.scheduledFor === undefined ? null : start.scheduledFor.toISOString(),
    });
    const repeated = await findRepeated(sql, request, requestHash);
    if (repeated !== null) return { run: repeated, repeated: true };

    if (!request.dryRun) {
      const pause = await findPause(sql, task.id);
      if (pause !== null)
        throw new AppError(
          'conflict',
          `task ${task.id} is paused by ${pause.by}: ${pause.reason}`,
          {
            details: { paused_by: pause.by, paused_at: pause.at.toISOString() },
          },
        );
      if (task.overlap === 'skip') await refuseOverlap(sql, task.id);
    }
    // A retry repeats a start that was allowed already.
    if (options.retryOf === null) await requireDryRunFirst(sql, request, start);

    const id = newRunId(options.now);
    const run = await insertRun(sql, {
      id,
      taskId: task.id,
      occurrenceAt: start.occurrenceAt,
      trigger: request.trigger,
      actor: request.actor.id,
      scheduledFor: start.scheduledFor,
      inputs: start.inputs,
      inputsHash: start.inputsHash,
      dryRun: request.dryRun,
      state: 'queued',
      queue:
        options.queueJob === 'inline'
          ? null
          : { name: queueName, jobId: options.queueJob === 'own' ? id : options.queueJob.jobId },
      retryOf: options.retryOf,
    });
    if (request.idempotencyKey !== undefined)
      await rememberStart(sql, {
        actor: request.actor.id,
        key: request.idempotencyKey,
        requestHash,
        runId: id,
      });
    return { run, repeated: false };
  });
