import type { JsonValue } from '#core/json';
import type { Declaration, FieldChange } from '#registry/declaration';
import { formatDuration } from '#registry/duration';
import type { PlanItem } from '#registry/plan-registry';
import type { Revision } from './ledger/occurrence-ledger.ts';
import type { PlannedChange, RunsPlan, ScheduleOutlook, UnchangedTask } from './runs.ts';

/** Fields whose numbers are milliseconds. */
const DURATIONS: ReadonlySet<string> = new Set([
  'timeout',
  'catch_up_window',
  'late_after',
  'keep_runs',
]);
/** Fields that hold JSON Schema or values for it, whose names are not ours. */
const FOREIGN: ReadonlySet<string> = new Set(['inputs', 'scheduled_inputs']);

const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `delayMs: 30000` is `delay: 30s` in the file. */
const inFileWords = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(inFileWords);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) =>
      name.endsWith('Ms') && typeof each === 'number'
        ? [snakeCase(name.slice(0, -2)), formatDuration(each)]
        : [snakeCase(name), inFileWords(each)],
    ),
  );
};

const valueInFileWords = (field: string, value: JsonValue): JsonValue => {
  if (FOREIGN.has(field)) return value;
  return DURATIONS.has(field) && typeof value === 'number'
    ? formatDuration(value)
    : inFileWords(value);
};

const toFieldRecord = ({ field, from, to }: FieldChange) => ({
  field,
  from: valueInFileWords(field, from),
  to: valueInFileWords(field, to),
});

const toOutlookRecord = ({ nextAt, clockChanges }: ScheduleOutlook) => ({
  next: nextAt.map(({ at, local }) => ({ at: at.toISOString(), local })),
  clock_changes: clockChanges,
});

const toDeclaredRecord = ({ queueName, expects, task }: Declaration) => ({
  queue: queueName,
  cron: expects?.cron ?? null,
  timezone: expects?.timezone ?? task.timezone,
  after: task.after,
  enabled: task.enabled,
});

const toItemRecord = ({ kind, taskId, detail, changes, declared }: PlanItem) => ({
  kind,
  task_id: taskId,
  detail,
  fields: changes.map(toFieldRecord),
  /** Null for what the file does not have. */
  declared: declared === null ? null : toDeclaredRecord(declared),
});

const toChangeRecord = (change: PlannedChange) => ({
  ...toItemRecord(change),
  ...toOutlookRecord(change),
  overdue: change.overdue.map((instant) => instant.toISOString()),
  /** What becomes of those. */
  catch_up: change.declared?.task.catchUp ?? null,
});

const toUnchangedRecord = ({ declared, ...outlook }: UnchangedTask) => ({
  task_id: declared.task.id,
  declared: toDeclaredRecord(declared),
  ...toOutlookRecord(outlook),
});

const toRevisionRecord = (revision: Revision | null) =>
  revision === null
    ? null
    : {
        revision: revision.revision,
        digest: revision.digest,
        reconcile: revision.reconcile,
        applied_at: revision.appliedAt.toISOString(),
        applied_by: revision.appliedBy,
      };

const countKinds = (items: readonly PlanItem[]) => {
  const count = (kind: PlanItem['kind']) => items.filter((item) => item.kind === kind).length;
  return {
    added: count('added'),
    changed: count('changed'),
    ghost: count('ghost'),
    drifted: count('drifted'),
  };
};

/** Whether applying the registry would change nothing. */
const isInForce = ({ changes, hiddenChanges, reconcileChanges }: RunsPlan): boolean =>
  changes.length === 0 && hiddenChanges === 0 && !reconcileChanges;

export const toPlanRecord = (plan: RunsPlan) => ({
  in_force: isInForce(plan),
  revision: toRevisionRecord(plan.revision),
  tasks: plan.taskCount,
  reconcile: plan.reconcile,
  reconcile_changes: plan.reconcileChanges,
  summary: countKinds(plan.changes),
  /** Changes of tasks that the caller may not read. */
  hidden_changes: plan.hiddenChanges,
  changes: plan.changes.map(toChangeRecord),
});

export const toUnchangedRecords = ({ unchanged }: RunsPlan) => unchanged.map(toUnchangedRecord);

/** What applying a registry changed, and what is in force now. */
export const toAppliedRecord = (applied: {
  readonly items: readonly PlanItem[];
  readonly reconcileChanges: boolean;
  readonly revision: Revision | null;
}) => ({
  revision: toRevisionRecord(applied.revision),
  reconcile_changes: applied.reconcileChanges,
  summary: countKinds(applied.items),
  changes: applied.items.map(toItemRecord),
});

export type PlanRecord = ReturnType<typeof toPlanRecord>;
export type ChangeRecord = PlanRecord['changes'][number];
export type UnchangedRecord = ReturnType<typeof toUnchangedRecord>;
export type AppliedRecord = ReturnType<typeof toAppliedRecord>;
