import { groupBy } from '#core/group-by';
import type { JsonObject } from '#core/json';
import type { Cadence } from '#occurrences/cadence';
import { toAlarmRecord } from './alarm-record.ts';
import type { TaskAlarm } from './ledger/task-alarms.ts';
import { toRunRecord } from './run-record.ts';
import type { TaskDetail, TaskStatus } from './runs.ts';

const toTaskRecord = ({ task, reads, pause, nextAt, lastRun }: TaskStatus) => ({
  task_id: task.id,
  title: task.title,
  description: task.description,
  group: task.group,
  owner: task.owner,
  job: task.job,
  enabled: task.enabled,
  reads,
  schedule: task.schedule,
  timezone: task.timezone,
  after: task.after,
  blackouts: task.blackouts,
  next_at: nextAt?.toISOString() ?? null,
  paused:
    pause === null ? null : { by: pause.by, reason: pause.reason, at: pause.at.toISOString() },
  last_run: lastRun === null ? null : toRunRecord(lastRun),
  permissions: task.permissions,
  inputs: task.inputs as JsonObject,
  outputs: task.outputs,
  dry_run: task.dryRun,
  destructive: task.destructive,
  overlap: task.overlap,
  catch_up: task.catchUp,
  timeout_ms: task.timeoutMs,
  attempts: task.attempts,
});

const toCadenceRecord = ({ starts, configuredMs, observedMs, waitMs, runMs }: Cadence) => ({
  starts,
  configured_ms: configuredMs,
  observed_ms: observedMs,
  wait_ms: waitMs,
  run_ms: runMs,
});

/** A task with what only a look at it alone finds out. */
export const toTaskDetailRecord = (detail: TaskDetail) => ({
  ...toTaskRecord(detail),
  cadence: detail.cadence === null ? null : toCadenceRecord(detail.cadence),
  alarms: detail.alarms.map(toAlarmRecord),
});

/** Every task with the kinds of its open alarms. */
export const toTaskListRecord = (tasks: readonly TaskStatus[], alarms: readonly TaskAlarm[]) => {
  const ofTask = groupBy(alarms, ({ taskId }) => taskId);
  return {
    tasks: tasks.map((status) => ({
      ...toTaskRecord(status),
      open_alarms: (ofTask.get(status.task.id) ?? []).map(({ kind }) => kind),
    })),
  };
};
