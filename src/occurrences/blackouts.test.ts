import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlackoutCalendar, BlackoutWindow } from '#registry/task';
import { findBlackout } from './blackouts.ts';

const HOUR_MS = 3_600_000;
const BERLIN = 'Europe/Berlin';
const NEW_YORK = 'America/New_York';

const once = (from: string, to: string): BlackoutWindow => ({ kind: 'once', from, to });

const recurring = (cron: string, durationMs: number): BlackoutWindow => ({
  kind: 'recurring',
  cron,
  durationMs,
});

const calendar = (
  window: BlackoutWindow | readonly BlackoutWindow[],
  more: Partial<BlackoutCalendar> = {},
): BlackoutCalendar => ({
  name: 'freeze',
  title: 'Freeze',
  timezone: 'UTC',
  action: 'skip',
  windows: [window].flat(),
  ...more,
});

const endAt = (calendars: readonly BlackoutCalendar[], instant: string): string | null =>
  findBlackout(calendars, new Date(instant))?.until.toISOString() ?? null;

describe('a window of wall times', () => {
  it.each([
    ['2026-12-23T22:59:59.999Z', null],
    ['2026-12-23T23:00:00.000Z', '2027-01-01T23:00:00.000Z'],
    ['2027-01-01T22:59:59.999Z', '2027-01-01T23:00:00.000Z'],
    ['2027-01-01T23:00:00.000Z', null],
  ])('takes its begin and leaves its end, in its zone: %s', (instant, until) => {
    const window = once('2026-12-24T00:00', '2027-01-02T00:00');
    expect(endAt([calendar(window, { timezone: BERLIN })], instant)).toBe(until);
  });

  it('comes with the name, the title and the action of its calendar', () => {
    const window = once('2026-12-24T00:00', '2027-01-02T00:00');
    const found = findBlackout([calendar(window)], new Date('2026-12-25T00:00Z'));
    expect(found).toEqual({
      calendar: 'freeze',
      title: 'Freeze',
      action: 'skip',
      until: new Date('2027-01-02T00:00Z'),
    });
  });

  // The clocks of Berlin go from 02:00 to 03:00 at 01:00Z.
  it.each([
    // Begins in the gap: with the change, whatever the clock shows from then on.
    ['02:30', '04:00', '00:59:59.999', null],
    ['02:30', '04:00', '01:00:00.000', '02:00'],
    ['02:30', '04:00', '01:59:59.999', '02:00'],
    ['02:30', '04:00', '02:00:00.000', null],
    // Ends in the gap: shifted, like an occurrence at that time.
    ['01:00', '02:30', '00:00:00.000', '01:30'],
    ['01:00', '02:30', '01:29:59.999', '01:30'],
    ['01:00', '02:30', '01:30:00.000', null],
    // Ends where the gap does: with the change.
    ['01:00', '03:00', '00:59:59.999', '01:00'],
    ['01:00', '03:00', '01:00:00.000', null],
    // Lies in the gap: it holds back the occurrences that are shifted out of it.
    ['02:10', '02:40', '01:10:00.000', '01:40'],
    ['02:10', '02:40', '01:40:00.000', null],
  ])('from %s to %s around a gap, at %sZ', (from, to, time, until) => {
    const window = once(`2026-03-29T${from}`, `2026-03-29T${to}`);
    const found = endAt([calendar(window, { timezone: BERLIN })], `2026-03-29T${time}Z`);
    expect(found).toBe(until === null ? null : `2026-03-29T${until}:00.000Z`);
  });

  // The clocks of New York go from 02:00 back to 01:00 at 06:00Z.
  it.each([
    // Begins in the repeated hour: the first time.
    ['01:30', '03:00', '05:29:59.999', null],
    ['01:30', '03:00', '05:30:00.000', '08:00'],
    ['01:30', '03:00', '06:10:00.000', '08:00'],
    // Ends in it: the second time.
    ['00:30', '01:30', '04:30:00.000', '06:30'],
    ['00:30', '01:30', '05:45:00.000', '06:30'],
    ['00:30', '01:30', '06:29:59.999', '06:30'],
    ['00:30', '01:30', '06:30:00.000', null],
    // Ends where it begins: before that the clock shows less only the first time.
    ['00:30', '01:00', '04:59:59.999', '05:00'],
    ['00:30', '01:00', '05:00:00.000', null],
    // Lies in it: from the first begin to the second end.
    ['01:10', '01:20', '05:10:00.000', '06:20'],
    ['01:10', '01:20', '06:19:59.999', '06:20'],
  ])('from %s to %s around a repeated hour, at %sZ', (from, to, time, until) => {
    const window = once(`2026-11-01T${from}`, `2026-11-01T${to}`);
    const found = endAt([calendar(window, { timezone: NEW_YORK })], `2026-11-01T${time}Z`);
    expect(found).toBe(until === null ? null : `2026-11-01T${until}:00.000Z`);
  });

  it('knows a day that a zone left out', () => {
    const window = once('2011-12-30T00:00', '2011-12-31T00:00');
    const apia = calendar(window, { timezone: 'Pacific/Apia' });
    expect(endAt([apia], '2011-12-30T09:59:59.999Z')).toBeNull();
  });
});

describe('a recurring window', () => {
  const weekend = recurring('0 22 * * 5', 56 * HOUR_MS);

  it.each([
    ['2026-03-06T21:59:59.999Z', null],
    ['2026-03-06T22:00:00.000Z', '2026-03-09T06:00:00.000Z'],
    ['2026-03-08T12:00:00.000Z', '2026-03-09T06:00:00.000Z'],
    ['2026-03-09T05:59:59.999Z', '2026-03-09T06:00:00.000Z'],
    ['2026-03-09T06:00:00.000Z', null],
  ])('covers the days after the one it begins on: %s', (instant, until) => {
    expect(endAt([calendar(weekend)], instant)).toBe(until);
  });

  it('lasts real time over a change of the clocks', () => {
    const night = calendar(recurring('0 22 * * 6', 8 * HOUR_MS), { timezone: BERLIN });
    // 22:00 to 07:00 by the clock in spring, and to 05:00 in autumn.
    expect(endAt([night], '2026-03-29T04:59:59Z')).toBe('2026-03-29T05:00:00.000Z');
    expect(endAt([night], '2026-03-29T05:00:00Z')).toBeNull();
    expect(endAt([night], '2026-10-25T03:59:59Z')).toBe('2026-10-25T04:00:00.000Z');
    expect(endAt([night], '2026-10-25T04:00:00Z')).toBeNull();
  });

  it('begins shifted when its time does not exist', () => {
    const window = calendar(recurring('30 2 * * *', HOUR_MS), { timezone: BERLIN });
    expect(endAt([window], '2026-03-29T01:29:59Z')).toBeNull();
    expect(endAt([window], '2026-03-29T01:30:00Z')).toBe('2026-03-29T02:30:00.000Z');
  });

  it('that overlaps itself ends with the one that began last', () => {
    const window = calendar(recurring('0 * * * *', 90 * 60_000));
    expect(endAt([window], '2026-03-01T09:10Z')).toBe('2026-03-01T10:30:00.000Z');
  });

  it('never covers anything when it never comes', () => {
    expect(endAt([calendar(recurring('0 0 31 4,6 *', HOUR_MS))], '2026-03-01T00:00Z')).toBeNull();
  });
});

describe('where several windows cover the instant', () => {
  const short = once('2026-03-01T00:00', '2026-03-02T00:00');
  const long = once('2026-03-01T00:00', '2026-03-05T00:00');
  const noon = new Date('2026-03-01T12:00Z');

  it('takes one that skips over one that delays for longer', () => {
    const calendars = [
      calendar(long, { name: 'delays', action: 'delay' }),
      calendar(short, { name: 'skips' }),
      calendar(long, { name: 'delays_too', action: 'delay' }),
    ];
    expect(findBlackout(calendars, noon)).toMatchObject({
      calendar: 'skips',
      action: 'skip',
      until: new Date('2026-03-02T00:00Z'),
    });
  });

  it.each(['skip', 'delay'] as const)('takes the last to end of those that %s', (action) => {
    const calendars = [
      calendar(short, { name: 'short', action }),
      calendar([short, long], { name: 'long', action }),
      calendar(short, { name: 'short_too', action }),
    ];
    expect(findBlackout(calendars, noon)).toMatchObject({
      calendar: 'long',
      until: new Date('2026-03-05T00:00Z'),
    });
  });
});

// By Intl alone: what the clock shows, minute by minute.
const MINUTE_MS = 60_000;
const clocks = new Map<string, Intl.DateTimeFormat>();
const wallText = (timezone: string, instantMs: number): string => {
  const clock =
    clocks.get(timezone) ??
    new Intl.DateTimeFormat('sv-SE', {
      timeZone: timezone,
      dateStyle: 'short',
      timeStyle: 'short',
    });
  clocks.set(timezone, clock);
  return clock.format(instantMs).replace(' ', 'T');
};

interface Scan {
  readonly timezone: string;
  readonly days: readonly [string, string];
}

const SCANS: readonly Scan[] = [
  { timezone: BERLIN, days: ['2026-03-28', '2026-03-30'] },
  { timezone: BERLIN, days: ['2026-10-24', '2026-10-26'] },
  { timezone: 'Australia/Lord_Howe', days: ['2026-04-04', '2026-04-06'] },
  { timezone: 'Australia/Lord_Howe', days: ['2026-10-03', '2026-10-05'] },
  { timezone: 'America/Santiago', days: ['2026-04-04', '2026-04-06'] },
  { timezone: 'America/Santiago', days: ['2026-09-05', '2026-09-07'] },
  { timezone: 'Asia/Kolkata', days: ['2026-06-01', '2026-06-03'] },
];

interface Minute {
  readonly at: Date;
  /** What the clock shows. */
  readonly wall: string;
}

const scanMinutes = ({ timezone, days: [first, last] }: Scan): readonly Minute[] => {
  const from = Date.parse(first) - 12 * HOUR_MS;
  const count = (Date.parse(last) + 12 * HOUR_MS - from) / MINUTE_MS;
  return Array.from({ length: count }, (_, index) => {
    const at = from + index * MINUTE_MS;
    return { at: new Date(at), wall: wallText(timezone, at) };
  });
};

const walls = (scan: Scan): fc.Arbitrary<string> =>
  fc
    .integer({ min: 0, max: 2 * 24 * 12 - 1 })
    .map((index) => new Date(Date.parse(scan.days[0]) + index * 5 * MINUTE_MS))
    .map((wall) => wall.toISOString().slice(0, 16));

describe('against a scan of every minute', () => {
  it.each(SCANS)('a window of wall times covers what $timezone shows in it, $days', (scan) => {
    const minutes = scanMinutes(scan);
    fc.assert(
      fc.property(walls(scan), walls(scan), (one, other) => {
        fc.pre(one !== other);
        const [from = '', to = ''] = [one, other].sort();
        const calendars = [calendar(once(from, to), { timezone: scan.timezone })];
        const isShown = minutes.map(({ wall }) => wall >= from && wall < to);
        const isCovered = minutes.map(({ at }) => findBlackout(calendars, at) !== null);
        fc.pre(isShown.includes(true));
        // In one piece, from the first minute that the clock shows to the last one.
        const [begin, end] = [isCovered.indexOf(true), isCovered.lastIndexOf(true)];
        expect(isCovered.slice(begin, end + 1)).not.toContain(false);
        expect(begin).toBe(isShown.indexOf(true));
        // An end in a gap is shifted out of it; no other is later than the clock shows.
        const isInGap = !minutes.some(({ wall }) => wall === to);
        if (isInGap) expect(end).toBeGreaterThanOrEqual(isShown.lastIndexOf(true));
        else expect(end).toBe(isShown.lastIndexOf(true));
      }),
      { numRuns: 15 },
    );
  });

  it.each(SCANS)(
    'a recurring window covers what follows its begins in $timezone, $days',
    (scan) => {
      const minutes = scanMinutes(scan);
      fc.assert(
        fc.property(
          fc.integer({ min: 0, max: 59 }),
          fc.integer({ min: 1, max: 600 }),
          (minute, duration) => {
            // Of every hour, so that it begins whenever the clock shows the minute, in any zone.
            const window = recurring(`${minute} * * * *`, duration * MINUTE_MS);
            const calendars = [calendar(window, { timezone: scan.timezone })];
            const shown = `:${String(minute).padStart(2, '0')}`;
            let until: Date | null = null;
            const expected = minutes.map(({ at, wall }) => {
              if (wall.endsWith(shown)) until = new Date(at.getTime() + duration * MINUTE_MS);
              return until !== null && at < until ? until : null;
            });
            const found = minutes.map(({ at }) => findBlackout(calendars, at)?.until ?? null);
            // Before the first begin within the scan an earlier one may still last.
            const known = expected.findIndex((end) => end !== null);
            expect(found.slice(known)).toEqual(expected.slice(known));
          },
        ),
        { numRuns: 10 },
      );
    },
  );
});
