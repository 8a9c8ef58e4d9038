import type { TaskId } from '#core/ids';
import type { Sql } from '#storage/database';
import type { TaskPause } from '../runs.ts';

interface PauseRow {
  readonly task_id: string;
  readonly paused_by: string;
  readonly reason: string;
  readonly paused_at: Date;
}

const OPEN_PAUSES = `
  SELECT task_id, paused_by, reason, paused_at FROM task_pauses WHERE resumed_at IS NULL`;

const toPause = (row: PauseRow): TaskPause => ({
  by: row.paused_by,
  reason: row.reason,
  at: row.paused_at,
});

export const findPause = async (sql: Sql, taskId: TaskId): Promise<TaskPause | null> => {
  const [row] = await sql.query<PauseRow>(`${OPEN_PAUSES} AND task_id = $1`, [taskId]);
  return row === undefined ? null : toPause(row);
};

export const listPauses = async (sql: Sql): Promise<ReadonlyMap<TaskId, TaskPause>> => {
  const rows = await sql.query<PauseRow>(OPEN_PAUSES);
  return new Map(rows.map((row) => [row.task_id as TaskId, toPause(row)]));
};

/** A task that is paused already keeps who paused it first. */
export const pauseTask = async (
  sql: Sql,
  taskId: TaskId,
  by: string,
  reason: string,
): Promise<void> => {
  await sql.execute(
    `INSERT INTO task_pauses (task_id, paused_by, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [taskId, by, reason],
  );
};

/** Ends the pause, which stays in the ledger: what fell due in it is never caught up. */
export const resumeTask = async (sql: Sql, taskId: TaskId, by: string): Promise<void> => {
  await sql.execute(
    'UPDATE task_pauses SET resumed_at = now(), resumed_by = $2 WHERE task_id = $1 AND resumed_at IS NULL',
    [taskId, by],
  );
};
