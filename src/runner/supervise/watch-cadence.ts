import { type Cadence, isSlow } from '#occurrences/cadence';
import type { Database } from '#storage/database';
import { listCadences } from '../ledger/cadence.ts';
import { clearAlarm, listOpenAlarms, raiseAlarm, type TaskAlarm } from '../ledger/task-alarms.ts';
import type { AlarmChanges } from './schedule-alarms.ts';

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

const message = ({ observedMs, configuredMs, waitMs, runMs, starts }: Cadence): string =>
  `starts every ${seconds(observedMs)} instead of every ${seconds(configuredMs)} ` +
  `(median of ${starts} starts; waits ${seconds(waitMs.p50)}, runs ${seconds(runMs.p50)})`;

/** Raises an alarm when a task starts markedly more rarely than its schedule says, once until it recovers. */
export const watchCadence = async (database: Database): Promise<AlarmChanges> => {
  const cadences = await listCadences(database);
  const open = new Set((await listOpenAlarms(database, 'slow')).map(({ taskId }) => taskId));
  const raised: TaskAlarm[] = [];
  const cleared: TaskAlarm[] = [];
  for (const [taskId, cadence] of cadences) {
    if (isSlow(cadence) && !open.has(taskId)) {
      const alarm = {
        taskId,
        kind: 'slow',
        scheduledFor: null,
        message: message(cadence),
      } as const;
      const stored = await raiseAlarm(database, alarm);
      if (stored !== null) raised.push(stored);
    } else if (!isSlow(cadence) && open.has(taskId)) {
      const alarm = await clearAlarm(database, taskId, 'slow');
      if (alarm !== null) cleared.push(alarm);
    }
  }
  return { raised, cleared };
};
