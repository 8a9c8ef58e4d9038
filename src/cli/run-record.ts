import type { JsonObject } from '#core/json';
import type { Run, RunEvent } from '#runner/run';
import type { RunLogLine, StartedRun, TaskPause, TaskStatus } from '#runner/runs';

const instant = (at: Date | null): string | null => at?.toISOString() ?? null;

/** A run as `--json` prints it. */
export const runRecord = (run: Run) => ({
  run_id: run.id,
  task_id: run.taskId,
  trigger: run.trigger,
  actor: run.actor,
  scheduled_for: instant(run.scheduledFor),
  stands_for_occurrence: run.standsForOccurrence,
  inputs: run.inputs,
  dry_run: run.dryRun,
  state: run.state,
  attempts: run.attempts,
  accepted_at: instant(run.acceptedAt),
  started_at: instant(run.startedAt),
  finished_at: instant(run.finishedAt),
  duration_ms: run.durationMs,
  worker: run.worker,
  queue: run.queueName,
  queue_job_id: run.queueJobId,
  // A stack names files of the machine; `runs show` is for whoever asks what happened.
  error: run.error === null ? null : { class: run.error.class, message: run.error.message },
  result: run.result,
  partial: run.partial,
  reports: run.reports,
  effects: run.effects,
  would_fail: run.wouldFail !== null,
  would_fail_reason: run.wouldFail,
  cancel_requested_by: run.cancelRequestedBy,
  retry_of: run.retryOf,
  progress: run.progress,
});

export const startedRecord = (started: StartedRun) => ({
  run_id: started.runId,
  task_id: started.taskId,
  status: started.status,
  dry_run: started.dryRun,
  repeated: started.repeated,
});

export const eventRecord = (event: RunEvent) => ({
  at: instant(event.at),
  state: event.state,
  attempt: event.attempt,
  worker: event.worker,
  detail: event.detail,
});

export const logLineRecord = (line: RunLogLine) => ({
  seq: line.seq,
  at: instant(line.at),
  level: line.level,
  line: line.line,
});

const pauseRecord = (pause: TaskPause) => ({
  by: pause.by,
  reason: pause.reason,
  at: instant(pause.at),
});

export const taskRecord = ({ task, reads, pause, nextAt, lastRun }: TaskStatus) => ({
  task_id: task.id,
  title: task.title,
  description: task.description,
  job: task.job,
  owner: task.owner,
  group: task.group,
  reads,
  enabled: task.enabled,
  destructive: task.destructive,
  schedule: task.schedule,
  inputs: task.inputs as JsonObject,
  outputs: task.outputs,
  permissions: task.permissions,
  pause: pause === null ? null : pauseRecord(pause),
  next_at: instant(nextAt),
  last_run: lastRun === null ? null : runRecord(lastRun),
});
