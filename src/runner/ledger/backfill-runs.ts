import type { BackfillId } from '#core/ids';
import type { Sql } from '#storage/database';
import type { Run } from '../run.ts';
import { RUN_COLUMNS, type RunRow, toRun } from './run-row.ts';

/** The runs that a backfill made so far, by the instants they stand for; it makes 1,000 at most. */
export const listBackfillRuns = async (sql: Sql, id: BackfillId): Promise<readonly Run[]> => {
  const rows = await sql.query<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM task_runs WHERE backfill_id = $1 ORDER BY scheduled_for, id`,
    [id],
  );
  return rows.map(toRun);
};
