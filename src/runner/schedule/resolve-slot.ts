import type { TaskId } from '#core/ids';
import { decideStart } from '#occurrences/decide-start';
import { expectOccurrence, lateAtOf } from '#occurrences/expected-occurrences';
import { isOccurrence } from '#occurrences/occurrence-times';
import { expectationOf } from '../ledger/expected-rows.ts';
import type {
  AppliedDeclaration,
  NewOccurrence,
  Occurrence,
  OccurrenceLedger,
  TaskBook,
  TaskView,
} from '../ledger/occurrence-ledger.ts';
import { isFinal, type Run } from '../run.ts';
import { factsOf } from './occurrence-facts.ts';
import { scheduledRun } from './scheduled-run.ts';

/** A scheduler's job as a worker was given it. */
export interface DeliveredSlot {
  readonly taskId: TaskId;
  readonly scheduledFor: Date;
  readonly queueName: string;
  readonly jobId: string;
}

export type ResolvedSlot =
  | { readonly kind: 'run'; readonly run: Run }
  /** Nothing to do, and why. */
  | { readonly kind: 'nothing'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Somebody ran the job ahead of its time. */
  | { readonly kind: 'early'; readonly dueAt: Date };

/** Clocks of hosts and ledger may differ by this much. */
const CLOCK_TOLERANCE_MS = 5_000;

const nothing = (reason: string): ResolvedSlot => ({ kind: 'nothing', reason });
const refused = (reason: string): ResolvedSlot => ({ kind: 'refused', reason });

const resolveGiven = async (
  book: TaskBook,
  occurrence: Occurrence,
  slot: DeliveredSlot,
): Promise<ResolvedSlot | null> => {
  if (occurrence.state !== 'open')
    return nothing(`the occurrence is closed as ${occurrence.state}`);
  if (occurrence.runId === null) return null;
  const run = await book.findRun(occurrence.runId);
  if (run === null) return nothing('the occurrence was given to a run that is gone');
  if (run.queueName !== slot.queueName || run.queueJobId !== slot.jobId)
    return nothing(`the occurrence was given to run ${run.id}`);
  return isFinal(run.state)
    ? nothing(`run ${run.id} has ended as ${run.state}`)
    : { kind: 'run', run };
};

/** A slot that the ledger has no row for yet: its instant passed a moment ago, or long ago. */
const resolveUnknown = (
  view: TaskView,
  { declaration, validFrom }: AppliedDeclaration,
  scheduledFor: Date,
): ResolvedSlot | NewOccurrence => {
  const { expects, task } = declaration;
  if (task.schedule === null || expects === null || !isOccurrence(expects, scheduledFor))
    return refused(`${scheduledFor.toISOString()} is not an instant of the registry's schedule`);
  if (scheduledFor <= validFrom)
    return nothing(`the schedule is in force since ${validFrom.toISOString()}, after this slot`);
  // A queue that was restored from an old copy: the row is gone with its retention.
  if (view.now.getTime() - scheduledFor.getTime() > task.catchUpWindowMs)
    return nothing('the slot is older than the catch-up window');
  return expectOccurrence(expectationOf(declaration), scheduledFor);
};

const start = async (
  book: TaskBook,
  options: {
    readonly view: TaskView;
    readonly applied: AppliedDeclaration;
    readonly occurrence: NewOccurrence;
    readonly slot: DeliveredSlot;
  },
): Promise<ResolvedSlot> => {
  const { view, applied, occurrence, slot } = options;
  const { declaration } = applied;
  const { scheduledFor } = occurrence;
  const { now } = view;
  const decision = decideStart(factsOf(view, applied, { ...occurrence, delivery: 'delivered' }));
  const deliveredJob = { name: slot.queueName, jobId: slot.jobId };
  switch (decision.kind) {
    case 'run': {
      const run = scheduledRun(declaration, {
        occurrence,
        now,
        trigger: decision.trigger,
        state: 'queued',
        deliveredJob,
      });
      return { kind: 'run', run: await book.addRun(run) };
    }
    case 'close': {
      const { end, explanation } = decision;
      const run = await book.addRun(
        scheduledRun(declaration, {
          occurrence,
          now,
          trigger: 'schedule',
          state: end.state === 'skipped' ? 'skipped' : 'missed',
          deliveredJob,
          explanation,
        }),
      );
      await book.close([{ scheduledFor, end, explanation }], run.id);
      return nothing(`${slot.taskId} ${end.state}: ${explanation}`);
    }
    case 'delay': {
      const { until, explanation } = decision;
      const lateAt = lateAtOf(expectationOf(declaration), scheduledFor, until);
      await book.open(occurrence);
      await book.reschedule({ scheduledFor, dueAt: until, lateAt });
      return nothing(`delayed until ${until.toISOString()}: ${explanation}`);
    }
    case 'wait':
      return nothing(
        'held back while the task is paused or blacked out; the ledger starts it later',
      );
  }
};

/**
 * Which run a scheduler's job is. It stands for its slot, whatever its data
 * says, and the first delivery anywhere gets the occurrence.
 */
export const resolveSlot = (ledger: OccurrenceLedger, slot: DeliveredSlot): Promise<ResolvedSlot> =>
  ledger.withTask(slot.taskId, async (book) => {
    const { scheduledFor } = slot;
    const view = await book.look(scheduledFor);
    const { applied, now, occurrence: known } = view;
    const given = known === null ? null : await resolveGiven(book, known, slot);
    if (given !== null) return given;
    if (applied === null) return refused('no registry that is in force has this task');
    const occurrence = known ?? resolveUnknown(view, applied, scheduledFor);
    if ('kind' in occurrence) return occurrence;
    if (scheduledFor.getTime() - now.getTime() > CLOCK_TOLERANCE_MS)
      return { kind: 'early', dueAt: scheduledFor };
    const { dueAt } = occurrence;
    if (dueAt === null || (dueAt > scheduledFor && dueAt > now))
      return nothing('the occurrence is due later; the ledger starts it then');
    return start(book, { view, applied, occurrence, slot });
  });
