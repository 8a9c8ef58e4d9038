import type { Clock } from '#core/clock';
import type { TaskId } from '#core/ids';
import { describeClockChanges } from '#occurrences/clock-changes';
import { nextOccurrence, occurrencesBetween } from '#occurrences/occurrence-times';
import { formatLocal } from '#occurrences/zone-time';
import type { QueueEngine } from '#queue/queue-port';
import type { Declaration } from '#registry/declaration';
import type { PlanItem } from '#registry/plan-registry';
import type { Schedule } from '#registry/task';
import type { Database } from '#storage/database';
import type { OccurrenceLedger } from './ledger/occurrence-ledger.ts';
import { listOverdue } from './ledger/occurrence-queries.ts';
import type { FireTime, RunsPlan, ScheduleOutlook } from './runs.ts';
import { planRegistryChanges, type RegistryPlan } from './schedule/apply-registry.ts';
import { declareRegistry } from './schedule/declare-tasks.ts';
import type { TaskCatalog } from './task-catalog.ts';

/** Instants that a plan shows of a schedule. */
const NEXT_SHOWN = 5;
const OVERDUE_SHOWN = 100;
/** Far enough to hold both changes of the clocks of a year. */
const LOOK_AHEAD_MS = 400 * 86_400_000;

export interface PlanContext {
  readonly catalog: TaskCatalog;
  readonly database: Database;
  readonly occurrences: OccurrenceLedger;
  readonly queue: QueueEngine;
  readonly clock: Clock;
}

const fireTimes = (schedule: Schedule, after: Date): readonly FireTime[] => {
  const times: FireTime[] = [];
  let at = nextOccurrence(schedule, after);
  while (at !== null && times.length < NEXT_SHOWN) {
    times.push({ at, local: formatLocal(schedule.timezone, at) });
    at = nextOccurrence(schedule, at);
  }
  return times;
};

const NO_OUTLOOK: ScheduleOutlook = { nextAt: [], clockChanges: [] };

/** Finds out once for all tasks with the same line and zone: of thousands of tasks most share theirs. */
const createOutlooks = (now: Date): ((declared: Declaration | null) => ScheduleOutlook) => {
  const known = new Map<string, ScheduleOutlook>();
  const range = { from: now, to: new Date(now.getTime() + LOOK_AHEAD_MS) };
  return (declared) => {
    if (declared === null || declared.expects === null || !declared.task.enabled) return NO_OUTLOOK;
    const { expects } = declared;
    const key = `${expects.cron} ${expects.timezone}`;
    const outlook = known.get(key) ?? {
      nextAt: fireTimes(expects, now),
      clockChanges: describeClockChanges(expects, range).map(({ text }) => text),
    };
    known.set(key, outlook);
    return outlook;
  };
};

/** Occurrences whose rows the declarations in force still owe count like those that are there. */
const listAllOverdue = async (
  { database, occurrences }: PlanContext,
  items: readonly PlanItem[],
  now: Date,
): Promise<ReadonlyMap<string, readonly Date[]>> => {
  if (items.length === 0) return new Map();
  const taskIds = new Set(items.map(({ taskId }) => taskId));
  const known = await listOverdue(database, [...taskIds], OVERDUE_SHOWN);
  const cursors = await occurrences.listCursors(now, Number.MAX_SAFE_INTEGER);
  const overdue = new Map(known);
  for (const { taskId, applied } of cursors) {
    const { nextAt, declaration } = applied;
    // What a task waits for its predecessors with is not due yet.
    if (!taskIds.has(taskId) || nextAt === null || declaration.task.schedule === null) continue;
    const range = { from: nextAt, to: new Date(now.getTime() + 1), limit: OVERDUE_SHOWN };
    const owed = occurrencesBetween(declaration.task.schedule, range);
    overdue.set(taskId, [...(known.get(taskId) ?? []), ...owed].slice(0, OVERDUE_SHOWN));
  }
  return overdue;
};

const isDrifted = ({ kind }: PlanItem): boolean => kind === 'drifted';

/**
 * A scheduler that moves from one slot to the next looks broken for a moment,
 * so only what a second look finds as well has drifted.
 */
const comparePlan = async ({ catalog, occurrences, queue }: PlanContext): Promise<RegistryPlan> => {
  const declared = declareRegistry(catalog);
  const look = () => planRegistryChanges({ ledger: occurrences, queue }, declared);
  const first = await look();
  if (!first.items.some(isDrifted)) return first;
  const drifted = new Set(first.items.filter(isDrifted).map(({ taskId }) => taskId));
  const second = await look();
  return {
    ...second,
    items: second.items.filter((item) => !isDrifted(item) || drifted.has(item.taskId)),
  };
};

/**
 * What applying the registry would change, with what each change concerns.
 * `visible` limits it to these tasks and those that the registry does not have;
 * null to none.
 */
export const planChanges = async (
  context: PlanContext,
  options: { readonly visible: readonly string[] | null; readonly includeUnchanged: boolean },
): Promise<RunsPlan> => {
  const { catalog, clock } = context;
  const visible = options.visible === null ? null : new Set(options.visible);
  const isVisible = (taskId: string): boolean =>
    visible === null || visible.has(taskId) || !catalog.has(taskId as TaskId);
  const { items, reconcileChanges, revision } = await comparePlan(context);
  const now = clock.now();
  const shown = items.filter(({ taskId }) => isVisible(taskId));
  const overdue = await listAllOverdue(context, shown, now);
  const outlookOf = createOutlooks(now);
  const changed = new Set(items.map(({ taskId }) => taskId));
  const { declarations } = declareRegistry(catalog);
  const unchanged = [...declarations.values()].filter(
    ({ task }) => options.includeUnchanged && !changed.has(task.id) && isVisible(task.id),
  );
  return {
    changes: shown.map((item) => ({
      ...item,
      ...outlookOf(item.declared),
      overdue: overdue.get(item.taskId) ?? [],
    })),
    unchanged: unchanged.map((declared) => ({ declared, ...outlookOf(declared) })),
    hiddenChanges: items.length - shown.length,
    taskCount: catalog.size,
    reconcile: catalog.reconcile,
    reconcileChanges,
    revision,
  };
};
