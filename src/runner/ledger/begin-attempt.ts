import type { RunId } from '#core/ids';
import type { Database, Sql } from '#storage/database';
import type { Run } from '../run.ts';
import { LEASE_MS, type Lease } from './leases.ts';
import { appendRunEvent, findRun } from './run-ledger.ts';
import { RUN_COLUMNS, type RunRow, toRun } from './run-row.ts';

export interface AttemptStart {
  readonly runId: RunId;
  /** Where only one run may be active: `task:<id>`, or `run:<id>` where runs overlap freely. */
  readonly scope: string;
  readonly worker: string;
}

export interface BegunAttempt {
  readonly run: Run;
  readonly lease: Lease;
}

// Lease, state and event in one statement and one round trip. Nothing happens
// unless the run is queued and its scope is free.
const BEGIN_QUEUED = `
  WITH run AS (SELECT id FROM task_runs WHERE id = $1 AND state = 'queued' FOR UPDATE),
  lease AS (
    INSERT INTO task_leases AS l (scope, run_id, holder, token, expires_at)
    SELECT $2, run.id, $3, nextval('task_lease_tokens'), now() + make_interval(secs => $4 / 1000.0)
    FROM run
    ON CONFLICT (scope) DO UPDATE
      SET run_id = EXCLUDED.run_id, holder = EXCLUDED.holder, token = EXCLUDED.token,
          expires_at = EXCLUDED.expires_at
      WHERE l.expires_at < now() OR l.run_id = EXCLUDED.run_id
    RETURNING token),
  begun AS (
    UPDATE task_runs SET state = 'running', attempts = attempts + 1,
      started_at = COALESCE(started_at, now()), worker = $3, lease_scope = $2,
      lease_token = lease.token, progress = NULL, error = NULL
    FROM lease WHERE id = $1
    RETURNING ${RUN_COLUMNS}, lease_token),
  event AS (
    INSERT INTO task_run_events (run_id, state, attempt, worker)
    SELECT id, 'running', attempts, $3 FROM begun)
  SELECT ${RUN_COLUMNS}, lease_token FROM begun`;

/** Starts an attempt of a queued run. Null when it is not queued any more or its scope is taken; then nothing changed. */
export const beginQueued = async (sql: Sql, start: AttemptStart): Promise<BegunAttempt | null> => {
  const [row] = await sql.query<RunRow & { readonly lease_token: number }>(BEGIN_QUEUED, [
    start.runId,
    start.scope,
    start.worker,
    LEASE_MS,
  ]);
  if (row === undefined) return null;
  const lease = { scope: start.scope, runId: start.runId, token: Number(row.lease_token) };
  return { run: toRun(row), lease };
};

const TAKE_OVER = `
  UPDATE task_runs SET state = 'running', attempts = attempts + 1,
    crashes = crashes + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
    started_at = COALESCE(started_at, now()), worker = $2, lease_scope = $3, lease_token = $4,
    progress = NULL, error = NULL
  WHERE id = $1 AND state IN ('queued', 'running')
  RETURNING ${RUN_COLUMNS}`;

/**
 * Starts an attempt under a lease that is held already, of a run whose worker
 * died: the crash is counted and shown. Null when the run has ended meanwhile.
 */
export const takeOver = (
  database: Database,
  start: { readonly runId: RunId; readonly lease: Lease; readonly worker: string },
): Promise<Run | null> =>
  database.transaction(async (sql) => {
    const before = await findRun(sql, start.runId);
    const [row] = await sql.query<RunRow>(TAKE_OVER, [
      start.runId,
      start.worker,
      start.lease.scope,
      start.lease.token,
    ]);
    if (row === undefined || before === null) return null;
    const run = toRun(row);
    await appendRunEvent(sql, {
      runId: run.id,
      state: 'running',
      attempt: run.attempts,
      worker: start.worker,
      detail:
        before.state === 'running'
          ? { took_over_from: before.worker, reason: 'the worker of the attempt before is gone' }
          : {},
    });
    return run;
  });
