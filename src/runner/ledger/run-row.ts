import type { Effect } from '#core/effects';
import type { RunId, TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { WrittenReport } from '#job-kit/report';
import type { Run, RunError, RunState, RunTrigger } from '../run.ts';

/** A row of `task_runs` as the driver hands it over. */
export interface RunRow {
  readonly id: string;
  readonly task_id: string;
  readonly occurrence_at: Date | null;
  readonly trigger: string;
  readonly actor: string;
  readonly scheduled_for: Date;
  readonly inputs: JsonObject;
  readonly inputs_hash: string;
  readonly dry_run: boolean;
  readonly state: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly accepted_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly duration_ms: number | null;
  readonly worker: string | null;
  readonly queue_name: string | null;
  readonly queue_job_id: string | null;
  readonly progress: JsonObject | null;
  readonly error: RunError | null;
  readonly result: JsonObject | null;
  readonly partial: boolean;
  readonly reports: readonly WrittenReport[];
  readonly effects: readonly Effect[] | null;
  readonly would_fail: string | null;
  readonly cancel_requested_by: string | null;
  readonly retry_of: string | null;
}

/** The columns of {@link RunRow}, for SELECT and RETURNING. */
export const RUN_COLUMNS = `id, task_id, occurrence_at, trigger, actor, scheduled_for, inputs, inputs_hash, dry_run,
  state, attempts, crashes, accepted_at, started_at, finished_at, duration_ms, worker, queue_name,
  queue_job_id, progress, error, result, partial, reports, effects, would_fail,
  cancel_requested_by, retry_of`;

export const toRun = (row: RunRow): Run => ({
  id: row.id as RunId,
  taskId: row.task_id as TaskId,
  trigger: row.trigger as RunTrigger,
  actor: row.actor,
  scheduledFor: row.scheduled_for,
  standsForOccurrence: row.occurrence_at !== null,
  inputs: row.inputs,
  inputsHash: row.inputs_hash,
  dryRun: row.dry_run,
  state: row.state as RunState,
  attempts: row.attempts,
  crashes: row.crashes,
  acceptedAt: row.accepted_at,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  durationMs: row.duration_ms,
  worker: row.worker,
  queueName: row.queue_name,
  queueJobId: row.queue_job_id,
  progress: row.progress,
  error: row.error,
  result: row.result,
  partial: row.partial,
  reports: row.reports,
  effects: row.effects,
  wouldFail: row.would_fail,
  cancelRequestedBy: row.cancel_requested_by,
  retryOf: row.retry_of as RunId | null,
});
