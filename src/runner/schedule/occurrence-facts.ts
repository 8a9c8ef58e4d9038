import type { DeliveryState, OccurrencePolicy, StartFacts } from '#occurrences/decide-start';
import { lateAtOf } from '#occurrences/expected-occurrences';
import { latestOccurrence } from '#occurrences/occurrence-times';
import type { Declaration } from '#registry/declaration';
import { expectationOf } from '../ledger/expected-rows.ts';
import type { AppliedDeclaration, NewOccurrence, TaskView } from '../ledger/occurrence-ledger.ts';

/** Caught-up and backfilled runs that are active at once over all tasks, so that an outage is not followed by a flood. */
const MAX_PACED_RUNS = 8;

const policyOf = ({ task, expects, calendars }: Declaration): OccurrencePolicy => ({
  enabled: task.enabled,
  catchUp: task.catchUp,
  catchUpWindowMs: task.catchUpWindowMs,
  overlap: task.overlap,
  expects,
  calendars,
});

/** When a task's occurrence counts as late; a row that waited for others has its own deadline. */
export const lateAtFor = (
  { declaration }: AppliedDeclaration,
  { scheduledFor, dueAt, lateAt }: NewOccurrence,
): Date => lateAt ?? lateAtOf(expectationOf(declaration), scheduledFor, dueAt ?? scheduledFor);

const newest = (a: Date | null, b: Date | null): Date | null =>
  a === null || (b !== null && b > a) ? b : a;

/**
 * The newest occurrence that is due, also when it has no row yet: a delivery
 * may come before the supervisor has opened its successors.
 */
export const newestDueAt = (view: TaskView, applied: AppliedDeclaration): Date | null => {
  const { expects } = applied.declaration;
  if (expects === null || applied.nextAt === null || applied.nextAt > view.now)
    return view.newestDueAt;
  const latest = latestOccurrence(expects, view.now);
  const isExpected = latest !== null && latest > applied.validFrom;
  return isExpected ? newest(view.newestDueAt, latest) : view.newestDueAt;
};

export const factsOf = (
  view: TaskView,
  applied: AppliedDeclaration,
  occurrence: NewOccurrence & { readonly delivery: DeliveryState },
): StartFacts => ({
  policy: policyOf(applied.declaration),
  now: view.now,
  scheduledFor: occurrence.scheduledFor,
  lateAt: lateAtFor(applied, occurrence),
  delivery: occurrence.delivery,
  pauses: view.pauses,
  newestDueAt: newestDueAt(view, applied),
  activeRun: view.activeRun,
  isPaceTaken: view.pacedRuns.own > 0 || view.pacedRuns.all >= MAX_PACED_RUNS,
});
