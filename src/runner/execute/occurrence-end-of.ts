import type { FailReason, OccurrenceEnd } from '#occurrences/occurrence-end';
import type { FinalRunState, RunError, RunTrigger } from '../run.ts';

const failureReason = (state: FinalRunState, error: RunError | null): FailReason => {
  if (state === 'timed_out') return 'timeout';
  if (state === 'cancelled') return 'cancelled';
  return error?.class === 'crash' ? 'crash' : 'error';
};

/** How the occurrence closes that the run was given; whether it ran late is the ledger's to see. */
export const occurrenceEndOf = (end: {
  readonly trigger: RunTrigger;
  readonly state: FinalRunState;
  readonly error: RunError | null;
}): OccurrenceEnd => {
  if (end.state !== 'succeeded')
    return { state: 'failed', reason: failureReason(end.state, end.error) };
  return { state: end.trigger === 'catchup' ? 'caught_up' : 'ran', reason: null };
};
