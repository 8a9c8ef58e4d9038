import { OCCURRENCE_STATES, type OccurrenceState } from '#occurrences/occurrence-end';
import type { Occurrence } from './ledger/occurrence-ledger.ts';

export { OCCURRENCE_STATES, type OccurrenceState } from '#occurrences/occurrence-end';

export const toOccurrenceRecord = (occurrence: Occurrence) => ({
  task_id: occurrence.taskId,
  scheduled_for: occurrence.scheduledFor.toISOString(),
  state: occurrence.state,
  reason: occurrence.reason,
  explanation: occurrence.explanation,
  run_id: occurrence.runId,
  due_at: occurrence.dueAt?.toISOString() ?? null,
  late_at: occurrence.lateAt?.toISOString() ?? null,
});

/** How many of the occurrences are in each state; states of none are left out. */
export const tallyOccurrences = (
  occurrences: readonly Occurrence[],
): Readonly<Partial<Record<OccurrenceState, number>>> =>
  Object.fromEntries(
    OCCURRENCE_STATES.flatMap((state) => {
      const count = occurrences.filter((occurrence) => occurrence.state === state).length;
      return count === 0 ? [] : [[state, count]];
    }),
  );
