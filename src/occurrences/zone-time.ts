const DAY_MS = 86_400_000;

/** Formatters are costly to make and never change; there are a few hundred zones at most. */
const formatters = new Map<string, Intl.DateTimeFormat>();

const formatterOf = (timezone: string): Intl.DateTimeFormat => {
  let formatter = formatters.get(timezone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timezone, formatter);
  }
  return formatter;
};

/**
 * What the clocks of the zone show at an instant, written as if it were UTC:
 * local arithmetic is then plain arithmetic on milliseconds.
 */
export const wallTimeOf = (timezone: string, instantMs: number): number => {
  if (timezone === 'UTC') return instantMs;
  const seconds = Math.floor(instantMs / 1000) * 1000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(timezone).formatToParts(seconds))
    parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (instantMs - seconds);
};

const offsetAt = (timezone: string, instantMs: number): number =>
  wallTimeOf(timezone, instantMs) - instantMs;

/** The zone's offsets around a local day, and the instant at which they change; equal offsets never do. */
export interface DayOffsets {
  readonly before: number;
  readonly after: number;
  /** First instant with the offset `after`. */
  readonly changeAt: number;
}

const findChange = (timezone: string, range: { from: number; to: number }): number => {
  const before = offsetAt(timezone, range.from);
  let { from, to } = range;
  while (to - from > 1000) {
    const middle = from + Math.floor((to - from) / 2000) * 1000;
    if (offsetAt(timezone, middle) === before) from = middle;
    else to = middle;
  }
  return to;
};

/**
 * `dayMs` is the local midnight, written as if it were UTC. No zone has changed
 * its clocks twice within the three days that are looked at since 1970.
 */
export const offsetsAround = (timezone: string, dayMs: number): DayOffsets => {
  if (timezone === 'UTC') return { before: 0, after: 0, changeAt: Number.NEGATIVE_INFINITY };
  const range = { from: dayMs - DAY_MS, to: dayMs + 2 * DAY_MS };
  const before = offsetAt(timezone, range.from);
  const after = offsetAt(timezone, range.to);
  const changeAt = before === after ? Number.NEGATIVE_INFINITY : findChange(timezone, range);
  return { before, after, changeAt };
};

/** A wall time as instants, ascending: none in a gap of the clocks, two in a repeated stretch. */
export const instantsOf = (wallMs: number, offsets: DayOffsets): readonly number[] => {
  const earlier = wallMs - offsets.before;
  const later = wallMs - offsets.after;
  if (earlier === later) return [later];
  const found: number[] = [];
  if (earlier < offsets.changeAt) found.push(earlier);
  if (later >= offsets.changeAt) found.push(later);
  return found;
};
