import { offsetAt } from './zone-time.ts';

/** A change of a zone's clocks. Offsets in milliseconds, to be added to UTC. */
export interface OffsetChange {
  /** First instant with the offset `after`. */
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/**
 * A stretch of instants over which wall times are read in one way. `hourly` and
 * `daily` are the offsets under which a schedule's wall times count there, the
 * former for a schedule of every hour:
 * - after a gap, for as long as it was, both the clock as it is and the one that
 *   went on as before count, so that a time in the gap is shifted by the gap;
 * - in a repeated stretch nothing counts the second time;
 * - a schedule of every hour follows the clock as it is.
 */
export interface ZonePhase {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly hourly: readonly number[];
  readonly daily: readonly number[];
}

const DAY_MS = 86_400_000;

// In the zone database no two changes since 1970 are closer than seven days, and
// none comes until 2045 (Boa Vista 2000 and Gaza 2040 are the closest).
const SAMPLE_MS = 3 * DAY_MS;

/** The longest change: a zone that crosses the date line leaves out or repeats a day. */
const LONGEST_CHANGE_MS = DAY_MS;

const startOfYear = (year: number): number => new Date(0).setUTCFullYear(year, 0, 1);

const yearOf = (instantMs: number): number => new Date(instantMs).getUTCFullYear();

/** The first instant, to the second, with another offset than `from` has; `to` has another. */
const bisect = (timezone: string, range: { from: number; to: number }): number => {
  const before = offsetAt(timezone, range.from);
  let { from, to } = range;
  while (to - from > 1000) {
    const middle = from + Math.floor((to - from) / 2000) * 1000;
    if (offsetAt(timezone, middle) === before) from = middle;
    else to = middle;
  }
  return to;
};

const findChanges = (timezone: string, year: number): readonly OffsetChange[] => {
  const end = startOfYear(year + 1);
  const changes: OffsetChange[] = [];
  let from = startOfYear(year);
  let before = offsetAt(timezone, from);
  while (from < end) {
    const to = Math.min(from + SAMPLE_MS, end);
    const after = offsetAt(timezone, to);
    if (after !== before) changes.push({ at: bisect(timezone, { from, to }), before, after });
    from = to;
    before = after;
  }
  return changes;
};

/** Asked for each minute and for each task; finding the changes of a year takes a millisecond. */
const changesOfYears = new Map<string, readonly OffsetChange[]>();
const phasesOfYears = new Map<string, readonly ZonePhase[]>();
const MAX_YEARS = 10_000;

const remember = <Value>(known: Map<string, Value>, key: string, find: () => Value): Value => {
  let value = known.get(key);
  if (value === undefined) {
    value = find();
    if (known.size >= MAX_YEARS) known.clear();
    known.set(key, value);
  }
  return value;
};

/** The changes of the zone's clocks in `[from, to)`, in milliseconds, ascending. */
export const changesBetween = (
  timezone: string,
  { from, to }: { readonly from: number; readonly to: number },
): readonly OffsetChange[] => {
  if (timezone === 'UTC') return [];
  const found: OffsetChange[] = [];
  for (let year = yearOf(from); startOfYear(year) < to; year += 1) {
    const changes = remember(changesOfYears, `${timezone} ${year}`, () =>
      findChanges(timezone, year),
    );
    found.push(...changes.filter(({ at }) => at >= from && at < to));
  }
  return found;
};

const settledAt = ({ at, before, after }: OffsetChange): number => at + Math.abs(after - before);

const findPhases = (timezone: string, year: number): readonly ZonePhase[] => {
  const start = startOfYear(year);
  const end = startOfYear(year + 1);
  const phases: ZonePhase[] = [];
  const add = (phase: ZonePhase): void => {
    const cut = { ...phase, from: Math.max(phase.from, start), to: Math.min(phase.to, end) };
    if (cut.from < cut.to) phases.push(cut);
  };
  let from = start;
  let offsets = [offsetAt(timezone, start)];
  // A change at the end of the year before may reach into this one.
  for (const change of changesBetween(timezone, { from: start - LONGEST_CHANGE_MS, to: end })) {
    const { at, before, after } = change;
    add({ from, to: at, hourly: [before], daily: [before] });
    from = settledAt(change);
    offsets = [after];
    add({ from: at, to: from, hourly: [after], daily: after > before ? [after, before] : [] });
  }
  add({ from, to: end, hourly: offsets, daily: offsets });
  return phases;
};

const UTC_PHASE: ZonePhase = {
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
  hourly: [0],
  daily: [0],
};

/** The phase that the instant lies in; phases end with the year at the latest. */
export const phaseAt = (timezone: string, instantMs: number): ZonePhase => {
  if (timezone === 'UTC') return UTC_PHASE;
  const year = yearOf(instantMs);
  const phases = remember(phasesOfYears, `${timezone} ${year}`, () => findPhases(timezone, year));
  const found = phases.find(({ to }) => instantMs < to);
  if (found === undefined) throw new RangeError('the instant is out of range');
  return found;
};
