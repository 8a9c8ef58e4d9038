import type { Run, RunEvent } from './run.ts';
import type { RunLogLine, StartedRun } from './runs.ts';

// The runner's answers on the wire: snake_case, instants as RFC 3339. The
// gateway and the CLI's --json say the same in the same words.

const instant = (at: Date | null): string | null => at?.toISOString() ?? null;

/** The ledger's record of a run. The stack of an error stays in the ledger: it names files of the machine. */
export const toRunRecord = (run: Run) => ({
  run_id: run.id,
  task_id: run.taskId,
  state: run.state,
  trigger: run.trigger,
  actor: run.actor,
  scheduled_for: run.scheduledFor.toISOString(),
  stands_for_occurrence: run.standsForOccurrence,
  inputs: run.inputs,
  dry_run: run.dryRun,
  attempts: run.attempts,
  crashes: run.crashes,
  accepted_at: run.acceptedAt.toISOString(),
  started_at: instant(run.startedAt),
  finished_at: instant(run.finishedAt),
  duration_ms: run.durationMs,
  worker: run.worker,
  queue: run.queueName,
  queue_job_id: run.queueJobId,
  error: run.error === null ? null : { class: run.error.class, message: run.error.message },
  result: run.result,
  partial: run.partial,
  reports: run.reports.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
  effects: run.effects,
  would_fail: run.wouldFail !== null,
  would_fail_reason: run.wouldFail,
  cancel_requested_by: run.cancelRequestedBy,
  retry_of: run.retryOf,
  progress: run.progress,
});

export const toStartedRecord = (started: StartedRun) => ({
  run_id: started.runId,
  task_id: started.taskId,
  status: started.status,
  dry_run: started.dryRun,
  repeated: started.repeated,
});

export const toEventRecord = (event: RunEvent) => ({
  at: event.at.toISOString(),
  state: event.state,
  attempt: event.attempt,
  worker: event.worker,
  detail: event.detail,
});

export const toLogRecord = (line: RunLogLine) => ({
  seq: line.seq,
  at: line.at.toISOString(),
  level: line.level,
  line: line.line,
});
