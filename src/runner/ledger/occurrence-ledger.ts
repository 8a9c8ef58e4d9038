import type { RunId, TaskId } from '#core/ids';
import type { Sql } from '#storage/database';

export type OccurrenceEndState = 'ran' | 'ran_late' | 'caught_up' | 'skipped' | 'missed' | 'failed';

export interface OccurrenceEnd {
  readonly state: OccurrenceEndState;
  /** `overlap`, `paused`, … of skipped; `error`, `timeout`, `cancelled`, `crash` of failed. */
  readonly reason: string | null;
}

export interface Occurrence {
  readonly state: 'open' | OccurrenceEndState;
  readonly reason: string | null;
  readonly runId: RunId | null;
}

/** Opens the occurrence if nobody did and locks its row until the transaction ends. */
export const lockOccurrence = async (
  sql: Sql,
  taskId: TaskId,
  scheduledFor: Date,
): Promise<Occurrence> => {
  await sql.execute(
    'INSERT INTO occurrences (task_id, scheduled_for) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [taskId, scheduledFor],
  );
  const [row] = await sql.query<{
    state: Occurrence['state'];
    reason: string | null;
    run_id: RunId | null;
  }>(
    'SELECT state, reason, run_id FROM occurrences WHERE task_id = $1 AND scheduled_for = $2 FOR UPDATE',
    [taskId, scheduledFor],
  );
  return {
    state: row?.state ?? 'open',
    reason: row?.reason ?? null,
    runId: row?.run_id ?? null,
  };
};

export const assignOccurrence = async (
  sql: Sql,
  taskId: TaskId,
  scheduledFor: Date,
  runId: RunId,
): Promise<void> => {
  await sql.execute(
    `UPDATE occurrences SET run_id = $3 WHERE task_id = $1 AND scheduled_for = $2 AND state = 'open'`,
    [taskId, scheduledFor, runId],
  );
};

/** Closes the occurrence once: a second end, or one by a run it was not given to, changes nothing. */
export const closeOccurrence = async (
  sql: Sql,
  close: {
    readonly taskId: string;
    readonly scheduledFor: Date;
    readonly runId: RunId;
    readonly end: OccurrenceEnd;
  },
): Promise<boolean> => {
  const touched = await sql.execute(
    `UPDATE occurrences SET state = $4, reason = $5, closed_at = now()
     WHERE task_id = $1 AND scheduled_for = $2 AND run_id = $3 AND state = 'open'`,
    [close.taskId, close.scheduledFor, close.runId, close.end.state, close.end.reason],
  );
  return touched === 1;
};
