import type { TaskAlarm } from './ledger/task-alarms.ts';

export const toAlarmRecord = (alarm: TaskAlarm) => ({
  /** Null for a condition of the whole registry. */
  task_id: alarm.taskId,
  kind: alarm.kind,
  scheduled_for: alarm.scheduledFor?.toISOString() ?? null,
  message: alarm.message,
  raised_at: alarm.raisedAt.toISOString(),
  last_at: alarm.lastAt.toISOString(),
  count: alarm.count,
  cleared_at: alarm.clearedAt?.toISOString() ?? null,
  notify: alarm.notify,
});
