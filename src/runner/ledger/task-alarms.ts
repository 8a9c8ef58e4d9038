import type { TaskId } from '#core/ids';
import type { Sql } from '#storage/database';

export const ALARM_KINDS = [
  'late',
  'missed',
  'failed',
  'slow',
  'crash_loop',
  'schedule_lost',
  'schedule_drift',
] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

/** A condition that an operator should know of. At most one is open for a task and a kind. */
export interface TaskAlarm {
  /** Null for a condition of the whole registry. */
  readonly taskId: TaskId | null;
  readonly kind: AlarmKind;
  /** The occurrence that was the last to raise it. */
  readonly scheduledFor: Date | null;
  readonly message: string;
  readonly raisedAt: Date;
  readonly lastAt: Date;
  /** How often it was raised since `raisedAt`. */
  readonly count: number;
  readonly clearedAt: Date | null;
  /** Targets that the task's `notify` names for it. */
  readonly notify: readonly string[];
}

interface AlarmRow {
  readonly task_id: string | null;
  readonly kind: AlarmKind;
  readonly scheduled_for: Date | null;
  readonly message: string;
  readonly raised_at: Date;
  readonly last_at: Date;
  readonly count: number;
  readonly cleared_at: Date | null;
  readonly notify: readonly string[];
}

const COLUMNS =
  'task_id, kind, scheduled_for, message, raised_at, last_at, count, cleared_at, notify';

const toAlarm = (row: AlarmRow): TaskAlarm => ({
  taskId: row.task_id as TaskId | null,
  kind: row.kind,
  scheduledFor: row.scheduled_for,
  message: row.message,
  raisedAt: row.raised_at,
  lastAt: row.last_at,
  count: row.count,
  clearedAt: row.cleared_at,
  notify: row.notify,
});

/** A crash loop has failed; of the schedules as a whole nobody is told by a task's rule. */
const NOTIFY = `
  COALESCE((SELECT d.declaration -> 'task' -> 'notify' -> 'to' FROM task_declarations d
    WHERE d.task_id = r.task_id AND d.valid_to IS NULL
      AND d.declaration -> 'task' -> 'notify' -> 'on' ?
        CASE r.kind WHEN 'crash_loop' THEN 'failed' ELSE r.kind END), '[]')`;

// `raised` is a relation r (task_id, kind, scheduled_for, message, count).
const raiseFrom = (raised: string): string => `
  INSERT INTO task_alarms AS a (task_id, kind, scheduled_for, message, raised_at, last_at, count, notify)
  SELECT r.task_id, r.kind, r.scheduled_for, r.message, now(), now(), r.count, ${NOTIFY}
  FROM ${raised} AS r
  ON CONFLICT (COALESCE(task_id, ''), kind) WHERE cleared_at IS NULL DO UPDATE
    SET scheduled_for = EXCLUDED.scheduled_for, message = EXCLUDED.message,
        last_at = EXCLUDED.last_at, count = a.count + EXCLUDED.count
  RETURNING ${COLUMNS}`;

const RAISE_ONE = raiseFrom(
  '(SELECT $1::text AS task_id, $2::text AS kind, $3::timestamptz AS scheduled_for, $4::text AS message, 1 AS count)',
);

export const raiseAlarm = async (
  sql: Sql,
  alarm: {
    readonly taskId: TaskId | null;
    readonly kind: AlarmKind;
    readonly scheduledFor: Date | null;
    readonly message: string;
  },
): Promise<TaskAlarm | null> => {
  const [row] = await sql.query<AlarmRow>(RAISE_ONE, [
    alarm.taskId,
    alarm.kind,
    alarm.scheduledFor,
    alarm.message,
  ]);
  return row === undefined ? null : toAlarm(row);
};

// A run that is queued for the first time has not started. Nobody is to hurry
// about a task that is paused.
const NOT_STARTED = `(o.run_id IS NULL OR EXISTS (
    SELECT 1 FROM task_runs t WHERE t.id = o.run_id AND t.state = 'queued' AND t.attempts = 0))`;

// Each occurrence raises the alarm once, however long it takes to start.
const RAISE_LATE = `
  WITH late AS (
    UPDATE occurrences o SET late_alarm_at = now()
    WHERE o.state = 'open' AND o.late_at < now() AND o.late_alarm_at IS NULL AND ${NOT_STARTED}
      AND NOT EXISTS (SELECT 1 FROM task_pauses p WHERE p.task_id = o.task_id AND p.resumed_at IS NULL)
    RETURNING o.task_id, o.scheduled_for),
  raised AS (
    SELECT task_id, 'late' AS kind, max(scheduled_for) AS scheduled_for, count(*)::int AS count,
      'not started in time: the occurrence of '
        || to_char(min(scheduled_for) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        || CASE WHEN count(*) > 1 THEN ' and ' || count(*) - 1 || ' after it' ELSE '' END AS message
    FROM late GROUP BY task_id)
  ${raiseFrom('raised')}`;

const RAISE_ENDS = `
  WITH ended AS (
    UPDATE occurrences o SET end_alarm_at = now()
    WHERE o.state IN ('missed', 'failed') AND o.end_alarm_at IS NULL
    RETURNING o.task_id, o.state, o.reason, o.scheduled_for, o.explanation, o.run_id),
  raised AS (
    SELECT e.task_id, e.state AS kind, max(e.scheduled_for) AS scheduled_for, count(*)::int AS count,
      CASE WHEN count(*) > 1 THEN count(*) || ' occurrences ' || e.state || ', the last of '
        ELSE e.state || ': the occurrence of ' END
        || to_char(max(e.scheduled_for) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        || ' (' || (array_agg(COALESCE(e.explanation, t.error ->> 'message', e.reason, e.state)
                              ORDER BY e.scheduled_for DESC))[1] || ')' AS message
    FROM ended e LEFT JOIN task_runs t ON t.id = e.run_id GROUP BY e.task_id, e.state)
  ${raiseFrom('raised')}`;

/** Raises what occurrences that are late, missed or failed call for, each of them once. */
export const raiseOccurrenceAlarms = async (sql: Sql): Promise<readonly TaskAlarm[]> => {
  const late = await sql.query<AlarmRow>(RAISE_LATE);
  const ended = await sql.query<AlarmRow>(RAISE_ENDS);
  return [...late, ...ended].map(toAlarm);
};

const SUCCEEDED_SINCE = `EXISTS (
      SELECT 1 FROM occurrences o WHERE o.task_id = a.task_id AND o.closed_at > a.last_at
        AND o.state IN ('ran', 'ran_late', 'caught_up'))`;

const CLEAR_RECOVERED = `
  UPDATE task_alarms a SET cleared_at = now()
  WHERE a.cleared_at IS NULL AND CASE a.kind
    WHEN 'late' THEN NOT EXISTS (
      SELECT 1 FROM occurrences o WHERE o.task_id = a.task_id AND o.state = 'open'
        AND o.late_alarm_at IS NOT NULL AND ${NOT_STARTED})
    WHEN 'crash_loop' THEN NOT EXISTS (
      SELECT 1 FROM task_pauses p WHERE p.task_id = a.task_id AND p.resumed_at IS NULL)
    WHEN 'missed' THEN ${SUCCEEDED_SINCE}
    WHEN 'failed' THEN ${SUCCEEDED_SINCE}
    ELSE false END
  RETURNING ${COLUMNS}`;

/** Clears the alarms whose condition has passed: recovery. */
export const clearRecoveredAlarms = async (sql: Sql): Promise<readonly TaskAlarm[]> =>
  (await sql.query<AlarmRow>(CLEAR_RECOVERED)).map(toAlarm);

export const clearAlarm = async (
  sql: Sql,
  taskId: TaskId | null,
  kind: AlarmKind,
): Promise<TaskAlarm | null> => {
  const [row] = await sql.query<AlarmRow>(
    `UPDATE task_alarms SET cleared_at = now()
     WHERE task_id IS NOT DISTINCT FROM $1 AND kind = $2 AND cleared_at IS NULL RETURNING ${COLUMNS}`,
    [taskId, kind],
  );
  return row === undefined ? null : toAlarm(row);
};

export const listOpenAlarms = async (sql: Sql, kind: AlarmKind): Promise<readonly TaskAlarm[]> => {
  const rows = await sql.query<AlarmRow>(
    `SELECT ${COLUMNS} FROM task_alarms WHERE kind = $1 AND cleared_at IS NULL`,
    [kind],
  );
  return rows.map(toAlarm);
};

/** Open alarms first, then cleared ones, newest first; null shows every task's. */
export const listAlarms = async (
  sql: Sql,
  filter: {
    readonly tasks: readonly string[] | null;
    readonly includeCleared: boolean;
    readonly limit: number;
  },
): Promise<readonly TaskAlarm[]> => {
  const rows = await sql.query<AlarmRow>(
    `SELECT ${COLUMNS} FROM task_alarms
     WHERE ($1::text[] IS NULL OR task_id IS NULL OR task_id = ANY ($1)) AND ($2 OR cleared_at IS NULL)
     ORDER BY cleared_at IS NOT NULL, raised_at DESC, id DESC LIMIT $3`,
    [filter.tasks, filter.includeCleared, filter.limit],
  );
  return rows.map(toAlarm);
};
