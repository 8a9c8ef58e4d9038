import type { Effect } from '#core/effects';
import type { RunId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { Database, Sql } from '#storage/database';
import type { FinalRunState, RunError, WrittenReport } from '../run.ts';
import { closeOccurrence, type OccurrenceEnd } from './occurrence-ledger.ts';
import { appendRunEvent } from './run-ledger.ts';

/** The end of an attempt that ends its run. Plain JSON, so that it can wait in the journal. */
export interface RunEnd {
  readonly runId: RunId;
  readonly leaseScope: string;
  readonly leaseToken: number;
  readonly attempt: number;
  readonly worker: string;
  readonly state: FinalRunState;
  /** RFC 3339. */
  readonly finishedAt: string;
  readonly durationMs: number;
  readonly error: RunError | null;
  readonly result: JsonObject | null;
  readonly partial: boolean;
  readonly reports: readonly WrittenReport[];
  readonly effects: readonly Effect[] | null;
  readonly wouldFail: string | null;
  /** How the run's occurrence closes, when it stands for one that is still open. */
  readonly occurrence: OccurrenceEnd | null;
}

/** Channel on which the end of a run is announced, with its id as payload. */
export const RUN_ENDED_CHANNEL = 'opsloop_run_ended';

const FINISH = `
  UPDATE task_runs SET state = $3, finished_at = $4, duration_ms = $5, error = $6, result = $7,
    partial = $8, reports = $9, effects = $10, would_fail = $11
  WHERE id = $1 AND state = 'running' AND lease_token = $2
  RETURNING task_id, occurrence_at`;

const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const finish = async (sql: Sql, end: RunEnd): Promise<boolean> => {
  const [row] = await sql.query<{ task_id: string; occurrence_at: Date | null }>(FINISH, [
    end.runId,
    end.leaseToken,
    end.state,
    end.finishedAt,
    Math.round(end.durationMs),
    json(end.error),
    json(end.result),
    end.partial,
    JSON.stringify(end.reports),
    json(end.effects),
    end.wouldFail,
  ]);
  if (row === undefined) return false;
  await appendRunEvent(sql, {
    runId: end.runId,
    state: end.state,
    attempt: end.attempt,
    worker: end.worker,
    detail: end.error === null ? {} : { error: end.error.message },
  });
  if (row.occurrence_at !== null && end.occurrence !== null)
    await closeOccurrence(sql, {
      taskId: row.task_id,
      scheduledFor: row.occurrence_at,
      runId: end.runId,
      end: end.occurrence,
    });
  await sql.execute('DELETE FROM task_leases WHERE scope = $1 AND token = $2', [
    end.leaseScope,
    end.leaseToken,
  ]);
  await sql.execute('SELECT pg_notify($1, $2)', [RUN_ENDED_CHANNEL, end.runId]);
  return true;
};

/**
 * Ends a run whose worker died once too often, in the name of the lease that
 * this process just took. False when the run has ended meanwhile.
 */
export const finishCrashedRun = (database: Database, end: RunEnd): Promise<boolean> =>
  database.transaction(async (sql) => {
    const touched = await sql.execute(
      `UPDATE task_runs SET crashes = crashes + 1, lease_scope = $2, lease_token = $3
       WHERE id = $1 AND state = 'running'`,
      [end.runId, end.leaseScope, end.leaseToken],
    );
    return touched === 1 && (await finish(sql, end));
  });

/**
 * Records the end of a run, closes its occurrence and frees its lease, in one
 * transaction. False when the token is no longer the run's: another worker
 * took it over and this end is void.
 */
export const finishRun = (database: Database, end: RunEnd): Promise<boolean> =>
  database.transaction((sql) => finish(sql, end));
