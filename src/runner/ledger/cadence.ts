import type { TaskId } from '#core/ids';
import { type Cadence, observeCadence } from '#occurrences/cadence';
import type { Sql } from '#storage/database';

/** Starts by the schedule that a cadence is taken from. */
const STARTS = 20;

interface CadenceRow {
  readonly task_id: string;
  readonly scheduled: readonly Date[];
  readonly started: readonly Date[];
  readonly finished: readonly (Date | null)[];
  readonly instants: readonly Date[];
}

// The latest starts of each task under its declaration in force, and every
// occurrence between the first and the last of them.
const OBSERVE = `
  SELECT d.task_id, s.scheduled, s.started, s.finished, i.instants
  FROM task_declarations d
  CROSS JOIN LATERAL (
    SELECT array_agg(l.scheduled_for) AS scheduled, array_agg(l.started_at) AS started,
      array_agg(l.finished_at) AS finished, min(l.scheduled_for) AS first, max(l.scheduled_for) AS last
    FROM (
      SELECT o.scheduled_for, r.started_at, r.finished_at
      FROM occurrences o JOIN task_runs r ON r.id = o.run_id
      WHERE o.task_id = d.task_id AND o.scheduled_for > d.valid_from
        AND r.trigger = 'schedule' AND r.started_at IS NOT NULL
      ORDER BY o.scheduled_for DESC LIMIT ${STARTS}) AS l) AS s
  CROSS JOIN LATERAL (
    SELECT array_agg(o.scheduled_for) AS instants FROM occurrences o
    WHERE o.task_id = d.task_id AND o.scheduled_for BETWEEN s.first AND s.last) AS i
  WHERE d.valid_to IS NULL AND s.scheduled IS NOT NULL AND ($1::text IS NULL OR d.task_id = $1)`;

const ms = (date: Date): number => date.getTime();

const toCadence = (row: CadenceRow): Cadence | null =>
  observeCadence(
    row.scheduled.map((scheduledFor, index) => ({
      scheduledForMs: ms(scheduledFor),
      startedMs: ms(row.started[index] ?? scheduledFor),
      finishedMs: row.finished[index]?.getTime() ?? null,
    })),
    row.instants.map(ms),
  );

/** The cadence of each task that started often enough to have one. */
export const listCadences = async (sql: Sql): Promise<ReadonlyMap<TaskId, Cadence>> => {
  const rows = await sql.query<CadenceRow>(OBSERVE, [null]);
  return new Map(
    rows.flatMap((row): [TaskId, Cadence][] => {
      const cadence = toCadence(row);
      return cadence === null ? [] : [[row.task_id as TaskId, cadence]];
    }),
  );
};

export const findCadence = async (sql: Sql, taskId: TaskId): Promise<Cadence | null> => {
  const [row] = await sql.query<CadenceRow>(OBSERVE, [taskId]);
  return row === undefined ? null : toCadence(row);
};
