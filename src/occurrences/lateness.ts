import { type CronSchedule, nextOccurrence } from './occurrence-times.ts';

const AUTO_LATE_MS = 600_000;

/**
 * Milliseconds after `scheduledFor` from which a start is late: as declared, or
 * for `auto` 10 minutes and at most half of the time to the next occurrence.
 * Without a schedule, or after its last occurrence, `auto` is 10 minutes.
 */
export const lateAfterMs = (
  schedule: CronSchedule | null,
  declared: number | 'auto',
  scheduledFor: Date,
): number => {
  if (declared !== 'auto') return declared;
  const next = schedule === null ? null : nextOccurrence(schedule, scheduledFor);
  return next === null
    ? AUTO_LATE_MS
    : Math.min(AUTO_LATE_MS, (next.getTime() - scheduledFor.getTime()) / 2);
};
