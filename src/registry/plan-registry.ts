import { canonicalJson } from '#core/json';
import type { Declaration, FieldChange } from './declaration.ts';
import { describeChanges, digestOf } from './declaration.ts';

/** A scheduler as the queue engine has it. */
export interface LiveSchedule {
  readonly queueName: string;
  readonly schedulerId: string;
  readonly cron: string | null;
  readonly everyMs: number | null;
  readonly timezone: string | null;
  readonly jobName: string | null;
  readonly attempts: number | null;
  readonly data: unknown;
  /** Whether the job of its next slot is there; without it the schedule never fires again. */
  readonly hasNextJob: boolean;
}

/** Where the engine is not what was declared. */
export interface ScheduleDifference {
  /** `ghost`: nothing declares it. `missing`, `edited`, `broken`: drifted from its declaration. */
  readonly kind: 'ghost' | 'missing' | 'edited' | 'broken';
  readonly queueName: string;
  readonly schedulerId: string;
  /** In words, for a person. */
  readonly detail: string;
  /** What should be there; null for a ghost. */
  readonly wanted: Declaration | null;
}

const keyOf = (queueName: string, schedulerId: string): string => `${queueName} ${schedulerId}`;

const show = (value: unknown): string =>
  value === null || value === undefined ? 'none' : String(value);

const editsOf = ({ task }: Declaration, live: LiveSchedule): readonly string[] => {
  const edits: string[] = [];
  const compare = (name: string, wanted: unknown, found: unknown): void => {
    if (wanted !== found) edits.push(`${name} is ${show(found)} instead of ${show(wanted)}`);
  };
  if (live.everyMs !== null) edits.push(`runs every ${live.everyMs} ms instead of by a cron line`);
  else compare('cron', task.schedule?.cron, live.cron);
  compare('zone', task.schedule?.timezone, live.timezone);
  compare('job name', String(task.id), live.jobName);
  compare('attempts', task.attempts, live.attempts);
  if (canonicalJson(live.data ?? {}) !== '{}') edits.push('has job data of its own');
  return edits;
};

const hasScheduler = ({ task }: Declaration): boolean => task.schedule !== null && task.enabled;

/**
 * Compares the declared schedules with the engine's. `live` holds every
 * scheduler of every queue that is or ever was in use.
 */
export const compareSchedules = (
  declarations: Iterable<Declaration>,
  live: readonly LiveSchedule[],
): readonly ScheduleDifference[] => {
  const found = new Map(live.map((each) => [keyOf(each.queueName, each.schedulerId), each]));
  const differences: ScheduleDifference[] = [];
  for (const wanted of declarations) {
    if (!hasScheduler(wanted)) continue;
    const { queueName, task } = wanted;
    const key = keyOf(queueName, task.id);
    const scheduler = found.get(key);
    found.delete(key);
    const place = { queueName, schedulerId: task.id, wanted };
    if (scheduler === undefined) {
      differences.push({ ...place, kind: 'missing', detail: 'its scheduler is gone' });
      continue;
    }
    const edits = editsOf(wanted, scheduler);
    if (edits.length > 0) differences.push({ ...place, kind: 'edited', detail: edits.join(', ') });
    else if (!scheduler.hasNextJob)
      differences.push({
        ...place,
        kind: 'broken',
        detail: 'its scheduler has no next job, so it would never fire again',
      });
  }
  for (const { queueName, schedulerId } of found.values())
    differences.push({
      kind: 'ghost',
      queueName,
      schedulerId,
      detail: `a scheduler in queue ${queueName} that nothing declares`,
      wanted: null,
    });
  return differences;
};

export interface PlanItem {
  readonly kind: 'added' | 'changed' | 'ghost' | 'drifted';
  /** The task, or the scheduler's id where there is no task of that name. */
  readonly taskId: string;
  readonly detail: string;
  readonly changes: readonly FieldChange[];
  /** As the file declares it; null for a ghost. */
  readonly declared: Declaration | null;
}

const ghostDetail = (declared: Declaration | undefined, detail: string): string => {
  if (declared === undefined) return `${detail}; the registry has no such task`;
  return declared.task.enabled ? detail : `${detail}; the task is disabled`;
};

const declaredItem = (declared: Declaration, before: Declaration | undefined): PlanItem | null => {
  const taskId = declared.task.id;
  if (before === undefined)
    return { kind: 'added', taskId, detail: 'new in the registry', changes: [], declared };
  if (digestOf(before) === digestOf(declared)) return null;
  const changes = describeChanges(before, declared);
  const fields = changes.map(({ field }) => field);
  return {
    kind: 'changed',
    taskId,
    detail: `changed: ${fields.join(', ')}`,
    changes,
    declared,
  };
};

/**
 * What applying the file would do: `declared` is the file, `applied` what the
 * ledger holds as the law so far, `live` what the engine has.
 */
export const planRegistry = (options: {
  readonly declared: ReadonlyMap<string, Declaration>;
  readonly applied: ReadonlyMap<string, Declaration>;
  readonly live: readonly LiveSchedule[];
}): readonly PlanItem[] => {
  const { declared, applied, live } = options;
  const items: PlanItem[] = [];
  const told = new Set<string>();
  for (const [taskId, declaration] of declared) {
    const item = declaredItem(declaration, applied.get(taskId));
    if (item === null) continue;
    items.push(item);
    told.add(taskId);
  }
  for (const [taskId] of applied) {
    if (declared.has(taskId)) continue;
    told.add(taskId);
    items.push({
      kind: 'ghost',
      taskId,
      detail: 'in force, but no longer in the registry',
      changes: [],
      declared: null,
    });
  }
  for (const difference of compareSchedules(declared.values(), live)) {
    const { schedulerId, kind, detail } = difference;
    if (told.has(schedulerId)) continue;
    const isGhost = kind === 'ghost';
    items.push({
      kind: isGhost ? 'ghost' : 'drifted',
      taskId: schedulerId,
      detail: isGhost ? ghostDetail(declared.get(schedulerId), detail) : detail,
      changes: [],
      declared: declared.get(schedulerId) ?? null,
    });
  }
  return items;
};
