import type { RunId, TaskId } from '#core/ids';
import type { PauseInterval } from '#occurrences/decide-start';
import type { OccurrenceState } from '#occurrences/occurrence-end';
import type { Sql } from '#storage/database';
import { type DeclarationRow, toApplied } from './declaration-row.ts';
import { RUN_ENDED_CHANNEL } from './finish-run.ts';
import type { Closing, Occurrence, TaskBook, TaskView } from './occurrence-ledger.ts';
import { appendRunEvent, findRun, insertRun } from './run-ledger.ts';

export interface OccurrenceRow {
  readonly task_id: string;
  readonly scheduled_for: Date;
  readonly state: OccurrenceState;
  readonly reason: string | null;
  readonly explanation: string | null;
  readonly run_id: string | null;
  readonly due_at: Date | null;
  readonly late_at: Date | null;
}

export const OCCURRENCE_COLUMNS =
  'task_id, scheduled_for, state, reason, explanation, run_id, due_at, late_at';

export const toOccurrence = (row: OccurrenceRow): Occurrence => ({
  taskId: row.task_id as TaskId,
  scheduledFor: row.scheduled_for,
  state: row.state,
  reason: row.reason,
  explanation: row.explanation,
  runId: row.run_id as RunId | null,
  dueAt: row.due_at,
  lateAt: row.late_at,
});

interface ViewRow {
  readonly now: Date;
  readonly declaration: DeclarationRow['declaration'] | null;
  readonly digest: string | null;
  readonly valid_from: Date | null;
  readonly next_at: Date | null;
  readonly pauses:
    | readonly { from: string; to: string | null; by: string; reason: string }[]
    | null;
  readonly active_id: string | null;
  readonly active_at: Date | null;
  readonly own_paced: number;
  readonly all_paced: number;
  readonly newest_due_at: Date | null;
  readonly o_state: OccurrenceState | null;
  readonly o_reason: string | null;
  readonly o_explanation: string | null;
  readonly o_run_id: string | null;
  readonly o_due_at: Date | null;
  readonly o_late_at: Date | null;
}

// One round trip for everything that a decision rests on. Wanted skips do not
// count as the newest occurrence, see supersedes() in occurrence-end.ts.
const LOOK = `
  SELECT date_trunc('milliseconds', now()) AS now, d.declaration, d.digest, d.valid_from, d.next_at,
    (SELECT json_agg(json_build_object('from', p.paused_at, 'to', p.resumed_at,
              'by', p.paused_by, 'reason', p.reason) ORDER BY p.paused_at)
     FROM task_pauses p WHERE p.task_id = $1
       AND (p.resumed_at IS NULL OR p.resumed_at > now() - make_interval(secs =>
         COALESCE((d.declaration -> 'task' ->> 'catchUpWindowMs')::bigint, 0) / 1000.0))) AS pauses,
    active.id AS active_id, active.accepted_at AS active_at,
    (SELECT count(*)::int FROM task_runs r WHERE r.task_id = $1
       AND r.trigger IN ('catchup', 'backfill') AND r.state IN ('queued', 'running')) AS own_paced,
    (SELECT count(*)::int FROM task_runs r
     WHERE r.trigger IN ('catchup', 'backfill') AND r.state IN ('queued', 'running')) AS all_paced,
    (SELECT max(o.scheduled_for) FROM occurrences o WHERE o.task_id = $1 AND o.due_at <= now()
       AND NOT (o.state = 'skipped' AND o.reason IN ('paused', 'blackout', 'disabled'))) AS newest_due_at,
    known.state AS o_state, known.reason AS o_reason, known.explanation AS o_explanation,
    known.run_id AS o_run_id, known.due_at AS o_due_at, known.late_at AS o_late_at
  FROM (SELECT) AS one
  LEFT JOIN occurrences known ON known.task_id = $1 AND known.scheduled_for = $2
  LEFT JOIN task_declarations d ON d.task_id = $1 AND d.valid_to IS NULL
  LEFT JOIN LATERAL (
    SELECT r.id, r.accepted_at FROM task_runs r
    WHERE r.task_id = $1 AND r.state IN ('queued', 'running') AND NOT r.dry_run
      AND r.trigger NOT IN ('catchup', 'backfill')
    ORDER BY r.id LIMIT 1) AS active ON true`;

const toView = (row: ViewRow, taskId: TaskId, scheduledFor: Date | undefined): TaskView => ({
  now: row.now,
  applied:
    row.declaration === null || row.digest === null || row.valid_from === null
      ? null
      : toApplied({
          task_id: '',
          declaration: row.declaration,
          digest: row.digest,
          valid_from: row.valid_from,
          next_at: row.next_at,
        }),
  pauses: (row.pauses ?? []).map(
    ({ from, to, by, reason }): PauseInterval => ({
      from: new Date(from),
      to: to === null ? null : new Date(to),
      by,
      reason,
    }),
  ),
  activeRun:
    row.active_id === null || row.active_at === null
      ? null
      : { id: row.active_id as RunId, acceptedAt: row.active_at },
  pacedRuns: { own: row.own_paced, all: row.all_paced },
  newestDueAt: row.newest_due_at,
  occurrence:
    row.o_state === null || scheduledFor === undefined
      ? null
      : toOccurrence({
          task_id: taskId,
          scheduled_for: scheduledFor,
          state: row.o_state,
          reason: row.o_reason,
          explanation: row.o_explanation,
          run_id: row.o_run_id,
          due_at: row.o_due_at,
          late_at: row.o_late_at,
        }),
});

const CLOSE = `
  UPDATE occurrences o SET state = c.state, reason = c.reason, explanation = c.explanation,
    closed_at = now()
  FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[])
    AS c (scheduled_for, state, reason, explanation)
  WHERE o.task_id = $1 AND o.scheduled_for = c.scheduled_for AND o.state = 'open'
    AND o.run_id IS NOT DISTINCT FROM $6`;

const close = async (
  sql: Sql,
  taskId: TaskId,
  closings: readonly Closing[],
  runId: RunId | undefined,
): Promise<void> => {
  if (closings.length === 0) return;
  await sql.execute(CLOSE, [
    taskId,
    closings.map(({ scheduledFor }) => scheduledFor),
    closings.map(({ end }) => end.state),
    closings.map(({ end }) => end.reason),
    closings.map(({ explanation }) => explanation),
    runId ?? null,
  ]);
};

/** Works within the transaction that holds the task's lock. */
export const openTaskBook = (sql: Sql, taskId: TaskId): TaskBook => ({
  async look(scheduledFor) {
    const [row] = await sql.query<ViewRow>(LOOK, [taskId, scheduledFor ?? null]);
    if (row === undefined) throw new Error('unreachable: a look has one row');
    return toView(row, taskId, scheduledFor);
  },

  findRun: (runId) => findRun(sql, runId),

  async listUnassigned(dueBy, limit) {
    const rows = await sql.query<OccurrenceRow>(
      `SELECT ${OCCURRENCE_COLUMNS} FROM occurrences
       WHERE task_id = $1 AND state = 'open' AND run_id IS NULL AND due_at <= $2
       ORDER BY scheduled_for LIMIT $3 FOR UPDATE`,
      [taskId, dueBy, limit],
    );
    return rows.map(toOccurrence);
  },

  async findEnds(taskIds, scheduledFor) {
    const rows = await sql.query<OccurrenceRow>(
      `SELECT ${OCCURRENCE_COLUMNS} FROM occurrences WHERE task_id = ANY ($1) AND scheduled_for = $2`,
      [taskIds, scheduledFor],
    );
    return rows.map(toOccurrence);
  },

  async open({ scheduledFor, dueAt, lateAt }) {
    await sql.execute(
      `INSERT INTO occurrences (task_id, scheduled_for, due_at, late_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      [taskId, scheduledFor, dueAt, lateAt],
    );
  },

  async reschedule({ scheduledFor, dueAt, lateAt }) {
    await sql.execute(
      `UPDATE occurrences SET due_at = $3, late_at = $4
       WHERE task_id = $1 AND scheduled_for = $2 AND state = 'open'`,
      [taskId, scheduledFor, dueAt, lateAt],
    );
  },

  addRun: (run) => insertRun(sql, run),

  close: (closings, runId) => close(sql, taskId, closings, runId),

  async endQueuedRun(runId, closing) {
    const state = closing.end.state === 'skipped' ? 'skipped' : 'missed';
    const error = { class: state, message: closing.explanation };
    const touched = await sql.execute(
      `UPDATE task_runs SET state = $2, finished_at = now(), error = $3
       WHERE id = $1 AND state = 'queued' AND attempts = 0`,
      [runId, state, JSON.stringify(error)],
    );
    if (touched !== 1) return false;
    const detail = { reason: closing.explanation };
    await appendRunEvent(sql, { runId, state, attempt: 0, worker: null, detail });
    await close(sql, taskId, [closing], runId);
    await sql.execute('SELECT pg_notify($1, $2)', [RUN_ENDED_CHANNEL, runId]);
    return true;
  },
});
