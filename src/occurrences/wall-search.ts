import { type CronFields, matchesDay } from './cron-fields.ts';

const DAY_S = 86_400;

/** Whole seconds since the epoch; the search for a date can leap over months. */
const toSeconds = (date: Date): number => Math.floor(date.getTime() / 1000);

const nextDay = (fields: CronFields, day: Date): number => {
  const next = new Date(day);
  if (fields.months.has(day.getUTCMonth() + 1)) next.setUTCDate(day.getUTCDate() + 1);
  else next.setUTCMonth(day.getUTCMonth() + 1, 1);
  return toSeconds(next);
};

const previousDay = (fields: CronFields, day: Date): number => {
  const previous = new Date(day);
  previous.setUTCDate(fields.months.has(day.getUTCMonth() + 1) ? day.getUTCDate() - 1 : 0);
  return toSeconds(previous);
};

/** The first time of day, in seconds, at or after `second`. */
const timeFrom = (fields: CronFields, second: number): number | null => {
  const [hour, minute] = [Math.floor(second / 3600), Math.floor(second / 60) % 60];
  for (const h of fields.hours) {
    if (h < hour) continue;
    for (const m of fields.minutes) {
      if (h === hour && m < minute) continue;
      const least = h === hour && m === minute ? second % 60 : 0;
      const s = fields.seconds.find((value) => value >= least);
      if (s !== undefined) return h * 3600 + m * 60 + s;
    }
  }
  return null;
};

/** The last time of day, in seconds, at or before `second`. */
const timeUpTo = (fields: CronFields, second: number): number | null => {
  const [hour, minute] = [Math.floor(second / 3600), Math.floor(second / 60) % 60];
  for (const h of fields.hours.toReversed()) {
    if (h > hour) continue;
    for (const m of fields.minutes.toReversed()) {
      if (h === hour && m > minute) continue;
      const most = h === hour && m === minute ? second % 60 : 59;
      const s = fields.seconds.findLast((value) => value <= most);
      if (s !== undefined) return h * 3600 + m * 60 + s;
    }
  }
  return null;
};

/**
 * The first wall time in `[from, to)` that the line matches, by the calendar
 * alone. Wall times are milliseconds, written as if they were UTC; `to` is finite.
 */
export const firstWallTime = (
  fields: CronFields,
  { from, to }: { readonly from: number; readonly to: number },
): number | null => {
  const first = Math.ceil(from / 1000);
  let dayS = Math.floor(first / DAY_S) * DAY_S;
  let second = first - dayS;
  while (dayS * 1000 < to) {
    const day = new Date(dayS * 1000);
    const time = matchesDay(fields, day) ? timeFrom(fields, second) : null;
    if (time !== null) {
      const wallMs = (dayS + time) * 1000;
      return wallMs < to ? wallMs : null;
    }
    dayS = nextDay(fields, day);
    second = 0;
  }
  return null;
};

/** The last wall time in `[from, to]` that the line matches; `from` is finite. */
export const lastWallTime = (
  fields: CronFields,
  { from, to }: { readonly from: number; readonly to: number },
): number | null => {
  const last = Math.floor(to / 1000);
  let dayS = Math.floor(last / DAY_S) * DAY_S;
  let second = last - dayS;
  while ((dayS + DAY_S) * 1000 > from) {
    const day = new Date(dayS * 1000);
    const time = matchesDay(fields, day) ? timeUpTo(fields, second) : null;
    if (time !== null) {
      const wallMs = (dayS + time) * 1000;
      return wallMs >= from ? wallMs : null;
    }
    dayS = previousDay(fields, day);
    second = DAY_S - 1;
  }
  return null;
};
