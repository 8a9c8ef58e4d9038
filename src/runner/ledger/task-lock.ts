import type { TaskId } from '#core/ids';
import type { Sql } from '#storage/database';

/** One process at a time decides about a task; the lock ends with the transaction. */
export const lockTask = async (sql: Sql, taskId: TaskId): Promise<void> => {
  await sql.execute(`SELECT pg_advisory_xact_lock(hashtextextended('opsloop task ' || $1, 0))`, [
    taskId,
  ]);
};
