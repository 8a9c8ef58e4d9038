import { AppError } from '#core/errors';
import type { BackfillId, RunId, TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { Database, Sql } from '#storage/database';
import type { Run, RunError, RunEvent, RunState, RunTrigger } from '../run.ts';
import type { RunFilter } from '../runs.ts';
import type { Lease } from './leases.ts';
import type { NewOccurrence } from './occurrence-ledger.ts';
import { RUN_COLUMNS, type RunRow, toRun } from './run-row.ts';

export interface NewRun {
  readonly id: RunId;
  readonly taskId: TaskId;
  readonly occurrenceAt: Date | null;
  readonly trigger: RunTrigger;
  readonly actor: string;
  readonly scheduledFor: Date;
  readonly inputs: JsonObject;
  readonly inputsHash: string;
  readonly dryRun: boolean;
  readonly state: RunState;
  /** Null when the accepting process executes the run itself. */
  readonly queue: { readonly name: string; readonly jobId: string } | null;
  readonly retryOf: RunId | null;
  readonly error?: RunError;
  readonly backfillId?: BackfillId;
  /** The occurrence that is given to the run, opened where it has no row; one that has a run or an end keeps it. */
  readonly claims?: NewOccurrence;
}

// The run, its first event and its claim on an occurrence in one round trip.
const INSERT_RUN = `
  WITH run AS (
    INSERT INTO task_runs (id, task_id, occurrence_at, trigger, actor, scheduled_for, inputs,
      inputs_hash, dry_run, state, queue_name, queue_job_id, retry_of, error, backfill_id, finished_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
      CASE WHEN $10 IN ('queued', 'running') THEN NULL ELSE now() END)
    RETURNING ${RUN_COLUMNS}),
  event AS (
    INSERT INTO task_run_events (run_id, state, attempt, detail)
    SELECT id, state, 0, jsonb_build_object('trigger', trigger, 'actor', actor) FROM run),
  claim AS (
    INSERT INTO occurrences AS o (task_id, scheduled_for, due_at, late_at, run_id)
    SELECT run.task_id, $16::timestamptz, $17::timestamptz, $18::timestamptz, run.id FROM run
    WHERE $16::timestamptz IS NOT NULL
    ON CONFLICT (task_id, scheduled_for) DO UPDATE SET run_id = EXCLUDED.run_id
      WHERE o.state = 'open' AND o.run_id IS NULL)
  SELECT ${RUN_COLUMNS} FROM run`;

const INSERT_EVENT = `
  INSERT INTO task_run_events (run_id, state, attempt, worker, detail) VALUES ($1, $2, $3, $4, $5)`;

export const appendRunEvent = async (
  sql: Sql,
  event: {
    readonly runId: RunId;
    readonly state: RunState;
    readonly attempt: number;
    readonly worker: string | null;
    readonly detail: JsonObject;
  },
): Promise<void> => {
  await sql.execute(INSERT_EVENT, [
    event.runId,
    event.state,
    event.attempt,
    event.worker,
    JSON.stringify(event.detail),
  ]);
};

/** Inserts the row, its first event, and what it claims. */
export const insertRun = async (sql: Sql, run: NewRun): Promise<Run> => {
  const [row] = await sql.query<RunRow>(INSERT_RUN, [
    run.id,
    run.taskId,
    run.occurrenceAt,
    run.trigger,
    run.actor,
    run.scheduledFor,
    JSON.stringify(run.inputs),
    run.inputsHash,
    run.dryRun,
    run.state,
    run.queue?.name ?? null,
    run.queue?.jobId ?? null,
    run.retryOf,
    run.error === undefined ? null : JSON.stringify(run.error),
    run.backfillId ?? null,
    run.claims?.scheduledFor ?? null,
    run.claims?.dueAt ?? null,
    run.claims?.lateAt ?? null,
  ]);
  if (row === undefined) throw new AppError('internal', 'the run was not stored');
  return toRun(row);
};

export const findRun = async (sql: Sql, runId: string): Promise<Run | null> => {
  const [row] = await sql.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM task_runs WHERE id = $1`, [
    runId,
  ]);
  return row === undefined ? null : toRun(row);
};

export const findRunOfQueueJob = async (
  sql: Sql,
  queueName: string,
  queueJobId: string,
): Promise<Run | null> => {
  const [row] = await sql.query<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM task_runs WHERE queue_name = $1 AND queue_job_id = $2`,
    [queueName, queueJobId],
  );
  return row === undefined ? null : toRun(row);
};

const LIST = `
  SELECT ${RUN_COLUMNS} FROM task_runs
  WHERE ($1::text IS NULL OR task_id = $1)
    AND ($2::text[] IS NULL OR state = ANY ($2))
    AND ($3::text[] IS NULL OR trigger = ANY ($3))
    AND ($4::timestamptz IS NULL OR accepted_at >= $4)
    AND ($5::timestamptz IS NULL OR accepted_at < $5)
    AND ($6::text IS NULL OR id < $6)
    AND ($8::text[] IS NULL OR task_id = ANY ($8))
  ORDER BY id DESC LIMIT $7`;

/** Newest first; `visible` limits the answer to these tasks, null to none. */
export const listRuns = async (
  sql: Sql,
  filter: RunFilter,
  visible: readonly string[] | null,
): Promise<readonly Run[]> => {
  const rows = await sql.query<RunRow>(LIST, [
    filter.taskId ?? null,
    filter.states ?? null,
    filter.triggers ?? null,
    filter.from ?? null,
    filter.to ?? null,
    filter.before ?? null,
    filter.limit,
    visible,
  ]);
  return rows.map(toRun);
};

/** The newest run of each task. */
export const listLastRuns = async (sql: Sql): Promise<ReadonlyMap<TaskId, Run>> => {
  const rows = await sql.query<RunRow>(
    `SELECT DISTINCT ON (task_id) ${RUN_COLUMNS} FROM task_runs ORDER BY task_id, id DESC`,
  );
  return new Map(rows.map((row) => [row.task_id as TaskId, toRun(row)]));
};

/** The oldest queued or running real run of the task; caught-up and backfilled ones are in nobody's way. */
export const findActiveRun = async (sql: Sql, taskId: TaskId): Promise<Run | null> => {
  const [row] = await sql.query<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM task_runs
     WHERE task_id = $1 AND state IN ('queued', 'running') AND NOT dry_run
       AND trigger NOT IN ('catchup', 'backfill') ORDER BY id LIMIT 1`,
    [taskId],
  );
  return row === undefined ? null : toRun(row);
};

export const listRunEvents = async (sql: Sql, runId: RunId): Promise<readonly RunEvent[]> => {
  const rows = await sql.query<{
    at: Date;
    state: RunState;
    attempt: number;
    worker: string | null;
    detail: JsonObject;
  }>(
    'SELECT at, state, attempt, worker, detail FROM task_run_events WHERE run_id = $1 ORDER BY id',
    [runId],
  );
  return rows;
};

/** Puts a run whose attempt did not count, or is to be tried again, back to `queued`. False when the lease is no longer ours. */
export const returnToQueue = (
  database: Database,
  back: {
    readonly run: Run;
    readonly lease: Lease;
    readonly worker: string;
    readonly reason: 'retry' | 'shutdown';
    readonly delayMs: number;
    readonly error: RunError | null;
  },
): Promise<boolean> =>
  database.transaction(async (sql) => {
    const spent = back.reason === 'retry' ? 0 : 1;
    const touched = await sql.execute(
      `UPDATE task_runs SET state = 'queued', queued_at = now() + make_interval(secs => $3 / 1000.0),
         attempts = attempts - $4, error = $5
       WHERE id = $1 AND state = 'running' AND lease_token = $2`,
      [
        back.run.id,
        back.lease.token,
        back.delayMs,
        spent,
        back.error === null ? null : JSON.stringify(back.error),
      ],
    );
    if (touched !== 1) return false;
    await appendRunEvent(sql, {
      runId: back.run.id,
      state: 'queued',
      attempt: back.run.attempts,
      worker: back.worker,
      detail: {
        reason: back.reason,
        delay_ms: back.delayMs,
        ...(back.error === null ? {} : { error: back.error.message }),
      },
    });
    await sql.execute('DELETE FROM task_leases WHERE scope = $1 AND token = $2', [
      back.lease.scope,
      back.lease.token,
    ]);
    return true;
  });
