import type { BackfillId, TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { Sql } from '#storage/database';
import type { RunState } from '../run.ts';

/** A stretch of a task's past that is run again, oldest instant first, one run at a time. */
export interface Backfill {
  readonly id: BackfillId;
  readonly taskId: TaskId;
  /** `[from, to)` */
  readonly from: Date;
  readonly to: Date;
  readonly inputs: JsonObject;
  readonly dryRun: boolean;
  readonly actor: string;
  readonly total: number;
  /** Instants that have no run yet, ascending. */
  readonly remaining: readonly Date[];
  readonly createdAt: Date;
  /** When the last run was made, or it was cancelled. */
  readonly endedAt: Date | null;
  readonly cancelledBy: string | null;
  /** Its runs by state. */
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
}

interface BackfillRow {
  readonly id: string;
  readonly task_id: string;
  readonly from_at: Date;
  readonly to_at: Date;
  readonly inputs: JsonObject;
  readonly dry_run: boolean;
  readonly actor: string;
  readonly total: number;
  readonly remaining: readonly Date[];
  readonly created_at: Date;
  readonly ended_at: Date | null;
  readonly cancelled_by: string | null;
  readonly runs: Backfill['runs'] | null;
}

const SELECT = `
  SELECT b.id, b.task_id, b.from_at, b.to_at, b.inputs, b.dry_run, b.actor, b.total, b.remaining,
    b.created_at, b.ended_at, b.cancelled_by,
    (SELECT jsonb_object_agg(s.state, s.count) FROM (
      SELECT r.state, count(*)::int AS count FROM task_runs r WHERE r.backfill_id = b.id
      GROUP BY r.state) AS s) AS runs
  FROM backfills b`;

const toBackfill = (row: BackfillRow): Backfill => ({
  id: row.id as BackfillId,
  taskId: row.task_id as TaskId,
  from: row.from_at,
  to: row.to_at,
  inputs: row.inputs,
  dryRun: row.dry_run,
  actor: row.actor,
  total: row.total,
  remaining: row.remaining,
  createdAt: row.created_at,
  endedAt: row.ended_at,
  cancelledBy: row.cancelled_by,
  runs: row.runs ?? {},
});

export const insertBackfill = async (
  sql: Sql,
  backfill: Pick<Backfill, 'id' | 'taskId' | 'from' | 'to' | 'inputs' | 'dryRun' | 'actor'> & {
    readonly inputsHash: string;
    readonly instants: readonly Date[];
  },
): Promise<void> => {
  await sql.execute(
    `INSERT INTO backfills (id, task_id, from_at, to_at, inputs, inputs_hash, dry_run, actor,
       remaining, total, ended_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $10 = 0 THEN now() END)`,
    [
      backfill.id,
      backfill.taskId,
      backfill.from,
      backfill.to,
      JSON.stringify(backfill.inputs),
      backfill.inputsHash,
      backfill.dryRun,
      backfill.actor,
      backfill.instants,
      backfill.instants.length,
    ],
  );
};

export const findBackfill = async (sql: Sql, id: string): Promise<Backfill | null> => {
  const [row] = await sql.query<BackfillRow>(`${SELECT} WHERE b.id = $1`, [id]);
  return row === undefined ? null : toBackfill(row);
};

/** Newest first, at most 100. */
export const listBackfills = async (sql: Sql): Promise<readonly Backfill[]> => {
  const rows = await sql.query<BackfillRow>(`${SELECT} ORDER BY b.id DESC LIMIT 100`);
  return rows.map(toBackfill);
};

/** Makes no further runs of it; false when it had ended. The runs that are there go on. */
export const cancelBackfill = async (sql: Sql, id: string, by: string): Promise<boolean> => {
  const touched = await sql.execute(
    `UPDATE backfills SET ended_at = now(), cancelled_by = $2, remaining = '{}'
     WHERE id = $1 AND ended_at IS NULL`,
    [id, by],
  );
  return touched === 1;
};

// One that is paused, or whose task has a caught-up or backfilled run under way, waits.
const READY = `
  SELECT b.id, b.task_id FROM backfills b
  WHERE b.ended_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM task_pauses p WHERE p.task_id = b.task_id AND p.resumed_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM task_runs r WHERE r.task_id = b.task_id
      AND r.trigger IN ('catchup', 'backfill') AND r.state IN ('queued', 'running'))
  ORDER BY b.id LIMIT $1`;

export const listReadyBackfills = async (
  sql: Sql,
  limit: number,
): Promise<readonly { readonly id: BackfillId; readonly taskId: TaskId }[]> => {
  const rows = await sql.query<{ id: string; task_id: string }>(READY, [limit]);
  return rows.map((row) => ({ id: row.id as BackfillId, taskId: row.task_id as TaskId }));
};

export interface NextBackfillRun {
  readonly scheduledFor: Date;
  readonly inputs: JsonObject;
  readonly inputsHash: string;
  readonly dryRun: boolean;
  readonly actor: string;
}

const TAKE_NEXT = `
  UPDATE backfills b SET remaining = b.remaining[2:],
    ended_at = CASE WHEN cardinality(b.remaining) = 1 THEN now() END
  FROM (SELECT id, remaining[1] AS next_at FROM backfills WHERE id = $1 AND ended_at IS NULL FOR UPDATE) AS n
  WHERE b.id = n.id
  RETURNING n.next_at, b.inputs, b.inputs_hash, b.dry_run, b.actor`;

/** Takes the oldest instant off the list, in the transaction that makes its run; null when none is left. */
export const takeNextInstant = async (
  sql: Sql,
  id: BackfillId,
): Promise<NextBackfillRun | null> => {
  const [row] = await sql.query<{
    next_at: Date;
    inputs: JsonObject;
    inputs_hash: string;
    dry_run: boolean;
    actor: string;
  }>(TAKE_NEXT, [id]);
  return row === undefined
    ? null
    : {
        scheduledFor: row.next_at,
        inputs: row.inputs,
        inputsHash: row.inputs_hash,
        dryRun: row.dry_run,
        actor: row.actor,
      };
};

/** Of these instants, those for which the task's work was done by whatever run. */
export const listDoneInstants = async (
  sql: Sql,
  taskId: TaskId,
  range: { readonly from: Date; readonly to: Date },
): Promise<readonly Date[]> => {
  const rows = await sql.query<{ occurrence_at: Date }>(
    `SELECT DISTINCT occurrence_at FROM task_runs
     WHERE task_id = $1 AND occurrence_at >= $2 AND occurrence_at < $3 AND state = 'succeeded' AND NOT dry_run`,
    [taskId, range.from, range.to],
  );
  return rows.map((row) => row.occurrence_at);
};
