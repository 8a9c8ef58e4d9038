import type { Run } from '#runner/run';
import type { RunLogLine, TaskStatus } from '#runner/runs';

const instant = (date: Date | null): string | null => date?.toISOString() ?? null;

/** The ledger's record of a run on the wire. The stack of an error stays in the ledger. */
export const toRunRecord = (run: Run): Readonly<Record<string, unknown>> => ({
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
  accepted_at: run.acceptedAt.toISOString(),
  started_at: instant(run.startedAt),
  finished_at: instant(run.finishedAt),
  duration_ms: run.durationMs,
  worker: run.worker,
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

export const toLogRecord = (line: RunLogLine): Readonly<Record<string, unknown>> => ({
  seq: line.seq,
  at: line.at.toISOString(),
  level: line.level,
  line: line.line,
});

export const toTaskRecord = (status: TaskStatus): Readonly<Record<string, unknown>> => {
  const { task, pause, lastRun } = status;
  return {
    task_id: task.id,
    title: task.title,
    description: task.description,
    group: task.group,
    owner: task.owner,
    job: task.job,
    enabled: task.enabled,
    reads: status.reads,
    schedule: task.schedule,
    timezone: task.timezone,
    next_at: instant(status.nextAt),
    paused:
      pause === null ? null : { by: pause.by, reason: pause.reason, at: pause.at.toISOString() },
    last_run:
      lastRun === null
        ? null
        : {
            run_id: lastRun.id,
            state: lastRun.state,
            trigger: lastRun.trigger,
            dry_run: lastRun.dryRun,
            scheduled_for: lastRun.scheduledFor.toISOString(),
            finished_at: instant(lastRun.finishedAt),
          },
    permissions: task.permissions,
    inputs: task.inputs,
    outputs: task.outputs,
    dry_run: task.dryRun,
    destructive: task.destructive,
    overlap: task.overlap,
    catch_up: task.catchUp,
    timeout_ms: task.timeoutMs,
    attempts: task.attempts,
  };
};
