import { Cron } from 'croner';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CronSchedule, occurrencesBetween } from '#occurrences/occurrence-times';
import { lintCron } from '#registry/cron-lint';

const ZONES = [
  'UTC',
  'Africa/Cairo',
  'Africa/Casablanca',
  'America/Asuncion',
  'America/Havana',
  'America/Los_Angeles',
  'America/New_York',
  'America/Santiago',
  'America/Sao_Paulo',
  'America/Scoresbysund',
  'America/St_Johns',
  'Antarctica/Troll',
  'Asia/Beirut',
  'Asia/Gaza',
  'Asia/Jerusalem',
  'Asia/Kathmandu',
  'Asia/Kolkata',
  'Asia/Tokyo',
  'Atlantic/Azores',
  'Australia/Lord_Howe',
  'Australia/Sydney',
  'Europe/Berlin',
  'Europe/Lisbon',
  'Europe/London',
  'Pacific/Apia',
  'Pacific/Auckland',
  'Pacific/Chatham',
];

const FROM = Date.UTC(2024, 0, 1);
const TO = Date.UTC(2029, 0, 1);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A change of a zone's clocks, found by Intl alone. */
interface Change {
  readonly at: number;
  /** How far the clocks move; negative when they go back. */
  readonly byMs: number;
}

const offsetsOf = (timezone: string): ((instant: number) => number) => {
  const format = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' });
  return (instant) => {
    const [, sign = '+', hours = '0', minutes = '0'] =
      /GMT([+-])(\d+):(\d+)/.exec(format.format(instant)) ?? [];
    return (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1);
  };
};

const findChanges = (timezone: string): readonly Change[] => {
  const offsetAt = offsetsOf(timezone);
  const found: Change[] = [];
  for (let day = FROM - DAY_MS; day < TO; day += DAY_MS) {
    const [before, after] = [offsetAt(day), offsetAt(day + DAY_MS)];
    if (before === after) continue;
    let [last, next] = [day, day + DAY_MS];
    while (next - last > MINUTE_MS) {
      const middle = last + Math.floor((next - last) / MINUTE_MS / 2) * MINUTE_MS;
      if (offsetAt(middle) === before) last = middle;
      else next = middle;
    }
    found.push({ at: next, byMs: after - before });
  }
  return found;
};

const changes = new Map(ZONES.map((timezone) => [timezone, findChanges(timezone)]));

/**
 * Croner's rules where the clocks change are others than ours, as its README
 * says. A line with one minute and one hour it runs at the end of a gap, where
 * we shift it by the gap. Any other it leaves out in a gap and runs twice in a
 * repeated stretch, which we do for a line of every hour alone: others we shift
 * and run once. All of it happens within the length of the change after it.
 */
const isReadDifferently = ({ cron, timezone }: CronSchedule, instant: Date): boolean => {
  const [minute = '', hour = ''] = cron.split(' ');
  if (hour === '*') return false;
  const isFixedTime = /^\d+ \d+$/.test(`${minute} ${hour}`);
  return (changes.get(timezone) ?? []).some(({ at, byMs }) => {
    const isClose = instant.getTime() >= at && instant.getTime() < at + Math.abs(byMs);
    return isClose && !(isFixedTime && byMs < 0);
  });
};

const field = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 2, arbitrary: fc.integer({ min, max }).map(String) },
    fc.integer({ min: 2, max: Math.max(2, Math.floor(max / 2)) }).map((step) => `*/${step}`),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 4 }).map(String),
    fc
      .tuple(fc.integer({ min, max: max - 1 }), fc.integer({ min: 1, max }))
      .map(([from, more]) => `${from}-${Math.min(max, from + more)}`),
  );

/** Hours at which clocks change come more often than others. */
const hours = fc.oneof(
  field(0, 23),
  fc.uniqueArray(fc.constantFrom(0, 1, 2, 3, 23), { minLength: 1, maxLength: 3 }).map(String),
);

const schedules = fc.record({
  cron: fc
    .tuple(field(0, 59), hours, field(1, 31), field(1, 12), field(0, 6))
    .map((fields) => fields.join(' '))
    // The registry refuses dates that never come.
    .filter((cron) => lintCron(cron).values !== null),
  timezone: fc.constantFrom(...ZONES),
});

/** Every day, so that each change of the clocks is met. */
const dailySchedules = fc.record({
  cron: fc.tuple(field(0, 59), hours).map(([minute, hour]) => `${minute} ${hour} * * *`),
  timezone: fc.constantFrom(...ZONES.filter((timezone) => changes.get(timezone)?.length !== 0)),
});

/**
 * Up to `count` of both answers from `from` on, without what is read differently:
 * to where the shorter is cut off, and within the years whose changes are known.
 */
const compare = (schedule: CronSchedule, from: Date, count: number) => {
  const { cron, timezone } = schedule;
  const theirs = new Cron(cron, { timezone, paused: true }).nextRuns(count, from);
  const after = new Date(from.getTime() + 1);
  const ours = occurrencesBetween(schedule, { from: after, to: new Date(TO), limit: count });
  const cuts = [ours, theirs].map((list) => list[count - 1]?.getTime() ?? TO - 1);
  const end = Math.min(TO - 1, ...cuts);
  const counted = (list: readonly Date[]): readonly string[] =>
    list
      .filter((instant) => instant.getTime() <= end && !isReadDifferently(schedule, instant))
      .map((instant) => instant.toISOString());
  return { ours: counted(ours), theirs: counted(theirs) };
};

describe('an independent library, croner', () => {
  it('knows the zones that change their clocks, and those that do not', () => {
    const changing = ZONES.filter((timezone) => (changes.get(timezone)?.length ?? 0) >= 8);
    expect(changing.length).toBeGreaterThanOrEqual(16);
    expect(changes.get('Asia/Kolkata')).toEqual([]);
    expect(changes.get('Europe/Berlin')).toHaveLength(10);
  });

  // What is left out below is this and no more: Berlin's clocks change at 01:00Z.
  it.each([
    ['30 2 * * *', '2026-03-29', ['01:30'], ['01:00']],
    ['0,30 2 * * *', '2026-03-29', ['01:00', '01:30'], []],
    ['0,30 2 * * *', '2026-10-25', ['00:00', '00:30'], ['00:00', '00:30', '01:00', '01:30']],
  ])('differs by its rules for %s on %s', (cron, day, ours, theirs) => {
    const timezone = 'Europe/Berlin';
    const from = new Date(`${day}T00:00Z`);
    const to = new Date(`${day}T12:00Z`);
    const times = (list: readonly Date[]): readonly string[] =>
      list.filter((instant) => instant < to).map((instant) => instant.toISOString().slice(11, 16));
    const before = new Date(from.getTime() - 1);
    expect(times(occurrencesBetween({ cron, timezone }, { from, to, limit: 9 }))).toEqual(ours);
    expect(times(new Cron(cron, { timezone, paused: true }).nextRuns(9, before))).toEqual(theirs);
  });

  it('gives the same instants, from any instant of five years on', () => {
    let compared = 0;
    fc.assert(
      fc.property(schedules, fc.integer({ min: FROM / 1000, max: TO / 1000 }), (schedule, at) => {
        const { ours, theirs } = compare(schedule, new Date(at * 1000), 60);
        compared += ours.length;
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(8000);
  });

  it('gives the same instants around each change of the clocks', () => {
    let compared = 0;
    fc.assert(
      fc.property(dailySchedules, fc.nat(), fc.nat(2880), (schedule, pick, minutesBefore) => {
        const known = changes.get(schedule.timezone) ?? [];
        const at = known[pick % known.length]?.at ?? FROM;
        const from = new Date(at - minutesBefore * MINUTE_MS);
        const { ours, theirs } = compare(schedule, from, 60);
        compared += ours.length;
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(8000);
  });
});
