import { nextOccurrence } from '#occurrences/occurrence-times';
import type { TaskDefinition } from '#registry/task';
import type { OccurrenceEnd } from '../ledger/occurrence-ledger.ts';
import type { FinalRunState, RunError, RunTrigger } from '../run.ts';

const AUTO_LATE_MS = 600_000;

/** Milliseconds after `scheduledFor` from which a start is late: as declared, or 10 minutes and at most half the interval. */
const lateAfterMs = (task: TaskDefinition, scheduledFor: Date): number => {
  if (task.lateAfterMs !== 'auto') return task.lateAfterMs;
  const next = task.schedule === null ? null : nextOccurrence(task.schedule, scheduledFor);
  return next === null
    ? AUTO_LATE_MS
    : Math.min(AUTO_LATE_MS, (next.getTime() - scheduledFor.getTime()) / 2);
};

const failureReason = (state: FinalRunState, error: RunError | null): string => {
  if (state === 'timed_out') return 'timeout';
  if (state === 'cancelled') return 'cancelled';
  return error?.class === 'crash' ? 'crash' : 'error';
};

/** How the occurrence closes that the run was given. */
export const occurrenceEndOf = (end: {
  readonly task: TaskDefinition;
  readonly trigger: RunTrigger;
  readonly scheduledFor: Date;
  readonly startedAt: Date;
  readonly state: FinalRunState;
  readonly error: RunError | null;
}): OccurrenceEnd => {
  if (end.state !== 'succeeded')
    return { state: 'failed', reason: failureReason(end.state, end.error) };
  if (end.trigger === 'catchup') return { state: 'caught_up', reason: null };
  const lateness = end.startedAt.getTime() - end.scheduledFor.getTime();
  return lateness > lateAfterMs(end.task, end.scheduledFor)
    ? { state: 'ran_late', reason: null }
    : { state: 'ran', reason: null };
};
