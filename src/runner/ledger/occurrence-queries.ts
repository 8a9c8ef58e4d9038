import type { Sql } from '#storage/database';
import type { OccurrenceFilter } from '../runs.ts';
import type { Occurrence } from './occurrence-ledger.ts';
import { OCCURRENCE_COLUMNS, type OccurrenceRow, toOccurrence } from './postgres-task-book.ts';

const LIST = `
  SELECT ${OCCURRENCE_COLUMNS} FROM occurrences
  WHERE ($1::text IS NULL OR task_id = $1)
    AND ($2::text[] IS NULL OR state = ANY ($2))
    AND ($3::timestamptz IS NULL OR scheduled_for >= $3)
    AND ($4::timestamptz IS NULL OR scheduled_for < $4)
    AND ($6::text[] IS NULL OR task_id = ANY ($6))
  ORDER BY scheduled_for DESC, task_id LIMIT $5`;

/** Newest first; `visible` limits the answer to these tasks, null to none. */
export const listOccurrences = async (
  sql: Sql,
  filter: OccurrenceFilter,
  visible: readonly string[] | null,
): Promise<readonly Occurrence[]> => {
  const rows = await sql.query<OccurrenceRow>(LIST, [
    filter.taskId ?? null,
    filter.states ?? null,
    filter.from ?? null,
    filter.to ?? null,
    filter.limit,
    visible,
  ]);
  return rows.map(toOccurrence);
};

/** Of each of these tasks, the open occurrences that are due and have no run, oldest first. */
export const listOverdue = async (
  sql: Sql,
  taskIds: readonly string[],
  limitPerTask: number,
): Promise<ReadonlyMap<string, readonly Date[]>> => {
  const rows = await sql.query<{ task_id: string; instants: readonly Date[] }>(
    `SELECT task_id, (array_agg(scheduled_for ORDER BY scheduled_for))[1:$2] AS instants
     FROM occurrences
     WHERE task_id = ANY ($1) AND state = 'open' AND run_id IS NULL AND due_at <= now()
     GROUP BY task_id`,
    [taskIds, limitPerTask],
  );
  return new Map(rows.map((row) => [row.task_id, row.instants]));
};
