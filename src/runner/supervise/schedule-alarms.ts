import type { ScheduleDifference } from '#registry/plan-registry';
import type { Database } from '#storage/database';
import { type AlarmKind, clearAlarm, raiseAlarm, type TaskAlarm } from '../ledger/task-alarms.ts';
import type { Reconciled } from '../schedule/reconcile-schedules.ts';

export interface AlarmChanges {
  readonly raised: readonly TaskAlarm[];
  readonly cleared: readonly TaskAlarm[];
}

/** Names in a message; an emptied engine would fill a page. */
const NAMED = 5;

const KIND_OF: Readonly<Record<ScheduleDifference['kind'], AlarmKind>> = {
  missing: 'schedule_lost',
  broken: 'schedule_lost',
  edited: 'schedule_drift',
  ghost: 'schedule_drift',
};

const message = ({ policy }: Reconciled, differences: readonly ScheduleDifference[]): string => {
  const named = differences
    .slice(0, NAMED)
    .map(({ schedulerId, detail }) => `${schedulerId}: ${detail}`);
  const more = differences.length - named.length;
  const done =
    policy === 'enforce' ? 'restored from the registry' : 'left as it is (reconcile: warn)';
  return `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}; ${done}`;
};

/**
 * Raises an alarm for schedules that the engine lost and one for those that
 * somebody changed; clears it when a later look finds nothing of the kind.
 */
export const reportDifferences = async (
  database: Database,
  reconciled: Reconciled,
): Promise<AlarmChanges> => {
  const raised: TaskAlarm[] = [];
  const cleared: TaskAlarm[] = [];
  for (const kind of ['schedule_lost', 'schedule_drift'] as const) {
    const differences = reconciled.differences.filter((each) => KIND_OF[each.kind] === kind);
    const alarm =
      differences.length === 0
        ? await clearAlarm(database, null, kind)
        : await raiseAlarm(database, {
            taskId: null,
            kind,
            scheduledFor: null,
            message: message(reconciled, differences),
          });
    if (alarm !== null) (differences.length === 0 ? cleared : raised).push(alarm);
  }
  return { raised, cleared };
};
