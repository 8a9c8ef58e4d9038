import type { TaskId } from '#core/ids';
import { lateAtOf } from '#occurrences/expected-occurrences';
import { isSuccess, type OccurrenceEnd, type SkipReason } from '#occurrences/occurrence-end';
import { expectationOf } from '../ledger/expected-rows.ts';
import type { Closing, Occurrence, OccurrenceLedger } from '../ledger/occurrence-ledger.ts';

/** How an occurrence closes whose predecessor did no work: it was skipped for the same reason, or it is missed. */
const endAfter = (predecessor: Occurrence | undefined): OccurrenceEnd =>
  predecessor?.state === 'skipped'
    ? // The ledger writes no other reasons beside this state.
      { state: 'skipped', reason: predecessor.reason as SkipReason }
    : { state: 'missed', reason: 'predecessor' };

const explain = (taskId: TaskId, predecessor: Occurrence | undefined): string => {
  if (predecessor === undefined) return `${taskId}, which it comes after, has no such occurrence`;
  const { state, reason } = predecessor;
  return `${taskId}, which it comes after, is ${state}${reason === null ? '' : ` (${reason})`}`;
};

/**
 * Lets an occurrence go whose predecessors have all ended: due from now on when
 * they succeeded, closed when one did not. What follows a caught-up occurrence
 * is late itself, so that its own catch-up policy decides.
 */
export const releaseOccurrence = (
  ledger: OccurrenceLedger,
  taskId: TaskId,
  scheduledFor: Date,
): Promise<(Closing & { readonly taskId: TaskId }) | null> =>
  ledger.withTask(taskId, async (book) => {
    const { applied, now, occurrence } = await book.look(scheduledFor);
    if (occurrence?.state !== 'open' || occurrence.dueAt !== null) return null;
    if (applied === null) {
      await book.reschedule({ scheduledFor, dueAt: now, lateAt: now });
      return null;
    }
    const { declaration } = applied;
    const { after } = declaration.task;
    const ends = await book.findEnds(after, scheduledFor);
    const endOf = (id: TaskId): Occurrence | undefined => ends.find((each) => each.taskId === id);
    const failed = after.find((id) => !isSuccess(endOf(id)?.state ?? 'missed'));
    if (failed !== undefined) {
      const closing = {
        scheduledFor,
        end: endAfter(endOf(failed)),
        explanation: explain(failed, endOf(failed)),
      };
      await book.close([closing]);
      return { ...closing, taskId };
    }
    const dueAt = ends.some(({ state }) => state === 'caught_up') ? scheduledFor : now;
    const lateAt = lateAtOf(expectationOf(declaration), scheduledFor, dueAt);
    await book.reschedule({ scheduledFor, dueAt, lateAt });
    return null;
  });
