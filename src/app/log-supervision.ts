import { groupBy } from '#core/group-by';
import type { TaskAlarm } from '#runner/ledger/task-alarms';
import type { SupervisorObserver } from '#runner/supervise/supervisor';
import type { Logger } from '#telemetry/logger';

/** Instants of a task in one log line. */
const NAMED = 5;

const alarmFields = ({ taskId, kind, scheduledFor, count, notify }: TaskAlarm) => ({
  alarm: kind,
  ...(taskId === null ? {} : { task: taskId }),
  ...(scheduledFor === null ? {} : { scheduled_for: scheduledFor.toISOString() }),
  ...(count > 1 ? { count } : {}),
  ...(notify.length > 0 ? { notify } : {}),
});

/** Groups instants by task, the first few of each by name. */
const byTask = (
  items: readonly { readonly taskId: string; readonly scheduledFor: Date }[],
): Readonly<Record<string, readonly string[]>> => {
  return Object.fromEntries(
    [...groupBy(items, ({ taskId }) => taskId)].map(([taskId, group]) => {
      const named = group.slice(0, NAMED).map(({ scheduledFor }) => scheduledFor.toISOString());
      return [taskId, group.length > NAMED ? [...named, '…'] : named];
    }),
  );
};

/** Where level and wording of what the supervisor does are decided. */
export const logSupervision = (logger: Logger): SupervisorObserver => ({
  recovered({ requeued, crashed, removed }) {
    logger.warn({ requeued, crashed, removed }, 'recovered runs that nothing would have moved');
  },
  settled({ started, closed }) {
    if (started.length > 0)
      logger.info(
        { runs: started.length, ...byTask(started.map(({ run }) => run)) },
        'runs that the ledger started: after others, delayed, lost or caught up',
      );
    if (closed.length > 0)
      logger.info(
        { occurrences: closed.length, ...byTask(closed) },
        'closed occurrences that do not run',
      );
  },
  remade(runs) {
    logger.info(
      { runs: runs.length, ...byTask(runs) },
      'reports on incomplete data are made again',
    );
  },
  schedulesDiffered({ policy, differences }) {
    logger.warn(
      {
        schedules: differences
          .slice(0, NAMED * 4)
          .map(({ schedulerId, kind, detail }) => `${schedulerId} ${kind}: ${detail}`),
        total: differences.length,
      },
      policy === 'enforce'
        ? 'schedules of the queue engine were not what the registry says; restored'
        : 'schedules of the queue engine are not what the registry says; left so (reconcile: warn)',
    );
  },
  alarmRaised(alarm) {
    logger.error(alarmFields(alarm), `alarm: ${alarm.message}`);
  },
  alarmCleared(alarm) {
    logger.info(alarmFields(alarm), `recovered: ${alarm.message}`);
  },
  unexpected(what, error) {
    logger.error({ err: error }, `unexpected: ${what}`);
  },
});
