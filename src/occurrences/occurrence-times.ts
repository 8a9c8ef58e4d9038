import { type CronFields, matchesDay, parseCronFields } from './cron-fields.ts';
import { instantsOf, offsetsAround, wallTimeOf } from './zone-time.ts';

/** A cron line of five fields and the IANA zone it is read in. */
export interface CronSchedule {
  readonly cron: string;
  readonly timezone: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** 29 February can be eight years away, around a century that is no leap year. */
const SEARCH_DAYS = 366 * 9;

const startOfDay = (wallMs: number): number => Math.floor(wallMs / DAY_MS) * DAY_MS;

/**
 * The occurrences that belong to one local day, ascending. The rules where the
 * clocks change are those of the queue engine in sequence, which knows them
 * only when it walks there from well before:
 * - a wall time in a gap is shifted forward by the gap: 02:30 runs at 03:30;
 * - a repeated wall time counts once, the first time;
 * - except in a schedule of every hour, which follows the clock as it is: each
 *   repeated hour counts twice and what a gap leaves out is left out.
 */
const occurrencesOfDay = (
  fields: CronFields,
  timezone: string,
  dayMs: number,
): readonly number[] => {
  if (!matchesDay(fields, new Date(dayMs))) return [];
  const offsets = offsetsAround(timezone, dayMs);
  const isEveryHour = fields.hours.length === 24;
  const isPlainDay = offsets.before === offsets.after;
  const instants: number[] = [];
  for (const hour of fields.hours)
    for (const minute of fields.minutes) {
      const wallMs = dayMs + hour * HOUR_MS + minute * MINUTE_MS;
      const found = isPlainDay ? [wallMs - offsets.before] : instantsOf(wallMs, offsets);
      if (isEveryHour) instants.push(...found);
      else instants.push(found[0] ?? wallMs - offsets.before);
    }
  return isPlainDay ? instants : [...new Set(instants)].sort((a, b) => a - b);
};

/**
 * The occurrences of a local day. Near a change of the clocks those of its
 * neighbours come along, since a shift over midnight leaves the day.
 */
const occurrencesNear = (
  fields: CronFields,
  timezone: string,
  dayMs: number,
): readonly number[] => {
  const neighbours = [dayMs - DAY_MS, dayMs, dayMs + DAY_MS];
  // Most days of a yearly schedule need no look at the zone at all.
  if (!neighbours.some((day) => matchesDay(fields, new Date(day)))) return [];
  const { before, after } = offsetsAround(timezone, dayMs);
  const days = before === after ? [dayMs] : neighbours;
  return days.flatMap((day) => occurrencesOfDay(fields, timezone, day));
};

const search = (
  schedule: CronSchedule,
  from: Date,
  options: {
    readonly stepMs: number;
    readonly pick: (instants: readonly number[]) => number | undefined;
  },
): Date | null => {
  const fields = parseCronFields(schedule.cron);
  let dayMs = startOfDay(wallTimeOf(schedule.timezone, from.getTime()));
  for (let days = 0; days < SEARCH_DAYS; days += 1, dayMs += options.stepMs) {
    const found = options.pick(occurrencesNear(fields, schedule.timezone, dayMs));
    if (found !== undefined) return new Date(found);
  }
  return null;
};

/** The first occurrence after `after`; null for a date that never comes. */
export const nextOccurrence = (schedule: CronSchedule, after: Date): Date | null =>
  search(schedule, after, {
    stepMs: DAY_MS,
    pick: (instants) => smallest(instants.filter((instant) => instant > after.getTime())),
  });

/** The last occurrence at or before `atOrBefore`; null for a date that never came. */
export const latestOccurrence = (schedule: CronSchedule, atOrBefore: Date): Date | null =>
  search(schedule, atOrBefore, {
    stepMs: -DAY_MS,
    pick: (instants) => largest(instants.filter((instant) => instant <= atOrBefore.getTime())),
  });

/** The last occurrence before `before`, itself excluded. */
export const previousOccurrence = (schedule: CronSchedule, before: Date): Date | null =>
  latestOccurrence(schedule, new Date(before.getTime() - 1));

/** Whether `instant` is, to the millisecond, an occurrence. */
export const isOccurrence = (schedule: CronSchedule, instant: Date): boolean => {
  const fields = parseCronFields(schedule.cron);
  const dayMs = startOfDay(wallTimeOf(schedule.timezone, instant.getTime()));
  return occurrencesNear(fields, schedule.timezone, dayMs).includes(instant.getTime());
};

/** The occurrences in `[from, to)`, oldest first, at most `limit` of them. */
export const occurrencesBetween = (
  schedule: CronSchedule,
  range: { readonly from: Date; readonly to: Date; readonly limit: number },
): readonly Date[] => {
  const fields = parseCronFields(schedule.cron);
  const from = range.from.getTime();
  const to = range.to.getTime();
  const found = new Set<number>();
  const lastDayMs = startOfDay(wallTimeOf(schedule.timezone, to)) + DAY_MS;
  let dayMs = startOfDay(wallTimeOf(schedule.timezone, from)) - DAY_MS;
  for (; dayMs <= lastDayMs; dayMs += DAY_MS) {
    for (const instant of occurrencesOfDay(fields, schedule.timezone, dayMs))
      if (instant >= from && instant < to) found.add(instant);
    // A day's own may lie behind one that the day before it was shifted to, by less than a day.
    if (found.size > range.limit + 1440) break;
  }
  return [...found]
    .sort((a, b) => a - b)
    .slice(0, range.limit)
    .map((instant) => new Date(instant));
};

const smallest = (instants: readonly number[]): number | undefined =>
  instants.reduce<number | undefined>(
    (least, instant) => (least === undefined || instant < least ? instant : least),
    undefined,
  );

const largest = (instants: readonly number[]): number | undefined =>
  instants.reduce<number | undefined>(
    (most, instant) => (most === undefined || instant > most ? instant : most),
    undefined,
  );
