import { isEveryHour, parseCronFields } from './cron-fields.ts';
import { firstWallTime, lastWallTime } from './wall-search.ts';
import { phaseAt } from './zone-offsets.ts';

/** A cron line of five fields, or of six that begin with seconds, and the IANA zone it is read in. */
export interface CronSchedule {
  readonly cron: string;
  readonly timezone: string;
}

/** 29 February can be eight years away, around a century that is no leap year. */
const SEARCH_MS = 366 * 9 * 86_400_000;

/**
 * The first occurrence in `[from, to)`, in milliseconds. The rules where the
 * clocks change are those of the queue engine in sequence, which knows them
 * only when it walks there from well before:
 * - a wall time in a gap is shifted forward by the gap: 02:30 runs at 03:30;
 * - a repeated wall time counts once, the first time;
 * - except in a schedule of every hour, which follows the clock as it is: each
 *   repeated hour counts twice and what a gap leaves out is left out.
 */
const findFirst = (
  { cron, timezone }: CronSchedule,
  { from, to }: { readonly from: number; readonly to: number },
): number | null => {
  const fields = parseCronFields(cron);
  const reading = isEveryHour(fields) ? 'hourly' : 'daily';
  let cursor = from;
  while (cursor < to) {
    const phase = phaseAt(timezone, cursor);
    const end = Math.min(phase.to, to);
    const found = phase[reading].flatMap((offset) => {
      const wallMs = firstWallTime(fields, { from: cursor + offset, to: end + offset });
      return wallMs === null ? [] : [wallMs - offset];
    });
    if (found.length > 0) return Math.min(...found);
    cursor = end;
  }
  return null;
};

/** The last occurrence in `[from, to]`, in milliseconds, by the same rules. */
const findLast = (
  { cron, timezone }: CronSchedule,
  { from, to }: { readonly from: number; readonly to: number },
): number | null => {
  const fields = parseCronFields(cron);
  const reading = isEveryHour(fields) ? 'hourly' : 'daily';
  let cursor = to;
  while (cursor >= from) {
    const phase = phaseAt(timezone, cursor);
    const start = Math.max(phase.from, from);
    const found = phase[reading].flatMap((offset) => {
      const wallMs = lastWallTime(fields, { from: start + offset, to: cursor + offset });
      return wallMs === null ? [] : [wallMs - offset];
    });
    if (found.length > 0) return Math.max(...found);
    cursor = start - 1;
  }
  return null;
};

const dateOrNull = (instantMs: number | null): Date | null =>
  instantMs === null ? null : new Date(instantMs);

/** The first occurrence after `after`; null for a date that never comes. */
export const nextOccurrence = (schedule: CronSchedule, after: Date): Date | null => {
  const from = after.getTime() + 1;
  return dateOrNull(findFirst(schedule, { from, to: from + SEARCH_MS }));
};

/** The last occurrence at or before `atOrBefore`; null for a date that never came. */
export const latestOccurrence = (schedule: CronSchedule, atOrBefore: Date): Date | null => {
  const to = atOrBefore.getTime();
  return dateOrNull(findLast(schedule, { from: to - SEARCH_MS, to }));
};

/** The last occurrence before `before`, itself excluded. */
export const previousOccurrence = (schedule: CronSchedule, before: Date): Date | null =>
  latestOccurrence(schedule, new Date(before.getTime() - 1));

/** Whether `instant` is, to the millisecond, an occurrence. */
export const isOccurrence = (schedule: CronSchedule, instant: Date): boolean => {
  const from = instant.getTime();
  return findFirst(schedule, { from, to: from + 1 }) === from;
};

/** The occurrences in `[from, to)`, oldest first, at most `limit` of them. */
export const occurrencesBetween = (
  schedule: CronSchedule,
  range: { readonly from: Date; readonly to: Date; readonly limit: number },
): readonly Date[] => {
  const to = range.to.getTime();
  const found: Date[] = [];
  let from = range.from.getTime();
  while (found.length < range.limit) {
    const next = findFirst(schedule, { from, to });
    if (next === null) break;
    found.push(new Date(next));
    from = next + 1;
  }
  return found;
};
