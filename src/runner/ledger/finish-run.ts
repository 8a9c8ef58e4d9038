import type { Effect } from '#core/effects';
import type { RunId, TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { WrittenReport } from '#job-kit/report';
import type { OccurrenceEnd } from '#occurrences/occurrence-end';
import type { Database, Sql } from '#storage/database';
import type { FinalRunState, RunError } from '../run.ts';
import { raiseAlarm } from './task-alarms.ts';
import { pauseTask } from './task-pauses.ts';

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
  /** How the run's occurrence closes, when it holds one that is open; `ran` becomes `ran_late` where it started late. */
  readonly occurrence: OccurrenceEnd | null;
}

/** Channel on which the end of a run is announced, with its id as payload. */
export const RUN_ENDED_CHANNEL = 'opsloop_run_ended';

// One statement, so that the end, its event, the occurrence and the lease stand
// or fall together in a single round trip.
const FINISH = `
  WITH ended AS (
    UPDATE task_runs SET state = $3, finished_at = $4, duration_ms = $5, error = $6, result = $7,
      partial = $8, reports = $9, effects = $10, would_fail = $11
    WHERE id = $1 AND state = 'running' AND lease_token = $2
    RETURNING id, task_id, occurrence_at, started_at, lease_scope, lease_token),
  event AS (
    INSERT INTO task_run_events (run_id, state, attempt, worker, detail)
    SELECT id, $3, $12, $13, $14 FROM ended),
  occurrence AS (
    UPDATE occurrences o SET reason = $16, closed_at = now(),
      state = CASE WHEN $15 = 'ran' AND ended.started_at > o.late_at THEN 'ran_late' ELSE $15 END
    FROM ended WHERE $15::text IS NOT NULL AND o.task_id = ended.task_id
      AND o.scheduled_for = ended.occurrence_at AND o.run_id = ended.id AND o.state = 'open'),
  lease AS (
    DELETE FROM task_leases l USING ended WHERE l.scope = ended.lease_scope AND l.token = ended.lease_token)
  SELECT pg_notify('${RUN_ENDED_CHANNEL}', id) FROM ended`;

const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

/**
 * Records the end of a run, closes its occurrence and frees its lease. False
 * when the token is no longer the run's: another worker took it over and this
 * end is void.
 */
export const finishRun = async (sql: Sql, end: RunEnd): Promise<boolean> => {
  const rows = await sql.query(FINISH, [
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
    end.attempt,
    end.worker,
    JSON.stringify(end.error === null ? {} : { error: end.error.message }),
    end.occurrence?.state ?? null,
    end.occurrence?.reason ?? null,
  ]);
  return rows.length === 1;
};

/**
 * Ends a run whose worker died once too often, in the name of the lease that
 * this process just took. With `breaker` its task is paused as well, so that
 * the next occurrence does not take another worker. False when the run has
 * ended meanwhile.
 */
export const finishCrashedRun = (
  database: Database,
  end: RunEnd,
  breaker: { readonly taskId: TaskId; readonly scheduledFor: Date } | null,
): Promise<boolean> =>
  database.transaction(async (sql) => {
    const touched = await sql.execute(
      `UPDATE task_runs SET crashes = crashes + 1, lease_scope = $2, lease_token = $3
       WHERE id = $1 AND state = 'running'`,
      [end.runId, end.leaseScope, end.leaseToken],
    );
    if (touched !== 1 || !(await finishRun(sql, end))) return false;
    if (breaker === null) return true;
    const message = `run ${end.runId} killed its worker too often: ${end.error?.message ?? 'crash'}`;
    await pauseTask(sql, breaker.taskId, 'runner', message);
    await raiseAlarm(sql, { ...breaker, kind: 'crash_loop', message });
    return true;
  });
