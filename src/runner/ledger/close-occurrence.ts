import type { RunId } from '#core/ids';
import type { OccurrenceEnd } from '#occurrences/occurrence-end';
import type { Sql } from '#storage/database';

/** Closes the occurrence that the run holds, once: a second end, or one by another run, changes nothing. */
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
