import { AppError } from '#core/errors';
import type { RunId } from '#core/ids';
import type { Database } from '#storage/database';
import { closeOccurrence } from './ledger/close-occurrence.ts';
import { RUN_ENDED_CHANNEL } from './ledger/finish-run.ts';
import { appendRunEvent, findRun } from './ledger/run-ledger.ts';
import type { Run } from './run.ts';

/** Channel on which a running run's holder hears of a cancellation, with the run's id as payload. */
export const CANCEL_CHANNEL = 'opsloop_cancel';

export interface Cancellation {
  readonly runId: RunId;
  readonly by: string;
  readonly reason: string;
  /** `error.class` of a run that had not started. */
  readonly errorClass: 'cancelled' | 'unavailable';
}

/**
 * Ends a queued run on the spot and asks the holder of a running one to stop.
 * Throws `conflict` when the run has ended. A queue job that is left behind
 * finds the run ended and does nothing.
 */
export const cancelRun = (database: Database, cancellation: Cancellation): Promise<Run> =>
  database.transaction(async (sql) => {
    const { runId, by, reason } = cancellation;
    const [row] = await sql.query<{ state: string }>(
      `UPDATE task_runs SET cancel_requested_at = now(), cancel_requested_by = $2, cancel_reason = $3,
         state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
         finished_at = CASE state WHEN 'queued' THEN now() END,
         error = CASE state WHEN 'queued' THEN $4::jsonb ELSE error END
       WHERE id = $1 AND state IN ('queued', 'running') RETURNING state`,
      [runId, by, reason, JSON.stringify({ class: cancellation.errorClass, message: reason })],
    );
    const run = await findRun(sql, runId);
    if (run === null) throw new AppError('not_found', 'there is no run of that id');
    if (row === undefined)
      throw new AppError('conflict', `the run has ended already as ${run.state}`, {
        details: { state: run.state },
      });
    await appendRunEvent(sql, {
      runId,
      state: run.state,
      attempt: run.attempts,
      worker: null,
      detail: { cancel_requested_by: by, reason },
    });
    if (run.state === 'cancelled') {
      if (run.standsForOccurrence)
        await closeOccurrence(sql, {
          taskId: run.taskId,
          scheduledFor: run.scheduledFor,
          runId,
          end: { state: 'failed', reason: 'cancelled' },
        });
      await sql.execute('SELECT pg_notify($1, $2)', [RUN_ENDED_CHANNEL, runId]);
    } else {
      await sql.execute('SELECT pg_notify($1, $2)', [CANCEL_CHANNEL, runId]);
    }
    return run;
  });
