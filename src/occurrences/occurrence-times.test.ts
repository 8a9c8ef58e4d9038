import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CronSchedule,
  isOccurrence,
  latestOccurrence,
  nextOccurrence,
  occurrencesBetween,
  previousOccurrence,
} from './occurrence-times.ts';

const NEW_YORK = 'America/New_York';

const at = (cron: string, timezone = 'UTC'): CronSchedule => ({ cron, timezone });

const listFrom = (schedule: CronSchedule, from: string, count: number): readonly string[] =>
  occurrencesBetween(schedule, {
    from: new Date(from),
    to: new Date(Date.parse(from) + 20 * 366 * 86_400_000),
    limit: count,
  }).map((instant) => instant.toISOString().replace(':00.000Z', 'Z'));

describe('where the clocks change', () => {
  it('runs a 02:30 job in the gap at 03:30', () => {
    expect(listFrom(at('30 2 * * *', NEW_YORK), '2026-03-07T12:00Z', 2)).toEqual([
      '2026-03-08T07:30Z',
      '2026-03-09T06:30Z',
    ]);
  });

  it('runs a daily job in a repeated hour once, the first time', () => {
    expect(listFrom(at('30 1 * * *', NEW_YORK), '2026-10-31T12:00Z', 2)).toEqual([
      '2026-11-01T05:30Z',
      '2026-11-02T06:30Z',
    ]);
  });

  it('runs an hourly job in both repeated hours', () => {
    expect(listFrom(at('0 * * * *', NEW_YORK), '2026-11-01T04:30Z', 4)).toEqual([
      '2026-11-01T05:00Z',
      '2026-11-01T06:00Z',
      '2026-11-01T07:00Z',
      '2026-11-01T08:00Z',
    ]);
  });

  it('runs a job of every 20 minutes in both repeated hours', () => {
    const found = listFrom(at('*/20 * * * *', NEW_YORK), '2026-11-01T05:00Z', 6);
    expect(found.map((text) => text.slice(11))).toEqual([
      '05:00Z',
      '05:20Z',
      '05:40Z',
      '06:00Z',
      '06:20Z',
      '06:40Z',
    ]);
  });

  it('runs every second hour at 03:00 and 04:00 around the gap', () => {
    expect(listFrom(at('0 */2 * * *', NEW_YORK), '2026-03-08T05:00Z', 4)).toEqual([
      '2026-03-08T05:00Z',
      '2026-03-08T07:00Z',
      '2026-03-08T08:00Z',
      '2026-03-08T10:00Z',
    ]);
  });

  it('runs a job once whose shifted time meets its next one', () => {
    expect(listFrom(at('0,30 2,3 * * *', NEW_YORK), '2026-03-08T05:00Z', 3)).toEqual([
      '2026-03-08T07:00Z',
      '2026-03-08T07:30Z',
      '2026-03-09T06:00Z',
    ]);
  });

  it('runs a midnight job on a day that begins at 01:00', () => {
    expect(listFrom(at('0 0 * * *', 'America/Santiago'), '2026-09-05T12:00Z', 2)).toEqual([
      '2026-09-06T04:00Z',
      '2026-09-07T03:00Z',
    ]);
  });

  it('runs a midnight job once on a day with two midnights', () => {
    expect(listFrom(at('0 0 1 * *', 'America/Havana'), '2026-10-31T18:00Z', 2)).toEqual([
      '2026-11-01T04:00Z',
      '2026-12-01T05:00Z',
    ]);
  });

  it('knows a clock that changes by half an hour', () => {
    const lordHowe = 'Australia/Lord_Howe';
    expect(listFrom(at('15 2 * * *', lordHowe), '2026-10-03T12:00Z', 1)).toEqual([
      '2026-10-03T15:45Z',
    ]);
    expect(listFrom(at('0 * * * *', lordHowe), '2026-04-04T14:00Z', 3)).toEqual([
      '2026-04-04T14:00Z',
      '2026-04-04T15:30Z',
      '2026-04-04T16:30Z',
    ]);
  });

  it('knows a day that a zone left out', () => {
    expect(listFrom(at('0 12 * * *', 'Pacific/Apia'), '2011-12-29T00:00Z', 2)).toEqual([
      '2011-12-29T22:00Z',
      '2011-12-30T22:00Z',
    ]);
  });
});

describe('where the clocks change at the turn of a year', () => {
  // Kiritimati left out 31 December 1994, until ten hours into the next year of UTC.
  it('shifts what a gap leaves out into the next year', () => {
    expect(listFrom(at('0 22 31 12 *', 'Pacific/Kiritimati'), '1994-06-01T00:00Z', 2)).toEqual([
      '1995-01-01T08:00Z',
      '1995-12-31T08:00Z',
    ]);
  });
});

describe('calendar rules', () => {
  it.each([
    ['0 0 29 2 *', '2096-03-01T00:00Z', '2104-02-29T00:00Z'],
    ['0 0 13 * 5', '2026-02-01T00:00Z', '2026-02-06T00:00Z'],
    ['0 0 31 * *', '2026-04-01T00:00Z', '2026-05-31T00:00Z'],
    ['0 6 * * 1', '2026-01-01T00:00Z', '2026-01-05T06:00Z'],
    ['0 6 * * 7', '2026-01-01T00:00Z', '2026-01-04T06:00Z'],
    ['0 6 * jan-mar mon-fri', '2026-04-01T00:00Z', '2027-01-01T06:00Z'],
  ])('%s after %s comes at %s', (cron, after, expected) => {
    expect(nextOccurrence(at(cron), new Date(after))).toEqual(new Date(expected));
  });

  it('counts an instant as its own latest occurrence, but not as its next or previous', () => {
    const daily = at('0 9 * * *');
    const nine = new Date('2026-03-08T09:00Z');
    expect(latestOccurrence(daily, nine)).toEqual(nine);
    expect(nextOccurrence(daily, nine)).toEqual(new Date('2026-03-09T09:00Z'));
    expect(previousOccurrence(daily, nine)).toEqual(new Date('2026-03-07T09:00Z'));
    expect(isOccurrence(daily, nine)).toBe(true);
    expect(isOccurrence(daily, new Date('2026-03-08T09:00:00.001Z'))).toBe(false);
  });

  it('takes the start of a range and leaves its end', () => {
    const hourly = at('0 * * * *');
    const range = { from: new Date('2026-01-01T00:00Z'), to: new Date('2026-01-01T03:00Z') };
    expect(occurrencesBetween(hourly, { ...range, limit: 100 })).toHaveLength(3);
    expect(occurrencesBetween(hourly, { ...range, limit: 2 })).toEqual([
      new Date('2026-01-01T00:00Z'),
      new Date('2026-01-01T01:00Z'),
    ]);
  });

  it('answers null for a date that never comes', () => {
    expect(nextOccurrence(at('0 0 31 4,6 *'), new Date('2026-01-01T00:00Z'))).toBeNull();
    expect(latestOccurrence(at('0 0 31 4,6 *'), new Date('2026-01-01T00:00Z'))).toBeNull();
  });

  it.each([
    'H 0 * * *',
    '@daily',
    '0 0 L * *',
    '0 0 * * 5#3',
    '99 0 * * *',
    '99 0 0 * * *',
    '0 0 * *',
    '0 0 0 * * * 2026',
    '',
  ])('refuses %j', (cron) => {
    expect(() => nextOccurrence(at(cron), new Date('2026-01-01T00:00Z'))).toThrow(/cron line/);
  });
});

const ZONES = [
  'UTC',
  'America/New_York',
  'Europe/Berlin',
  'Europe/London',
  'America/St_Johns',
  'Africa/Casablanca',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Havana',
  'America/Santiago',
];

const field = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min, max }).map(String),
    fc.integer({ min: 2, max: Math.max(2, Math.floor(max / 2)) }).map((step) => `*/${step}`),
    fc
      .uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 4 })
      .map((n) => n.join(',')),
  );

const schedules = (zones: readonly string[]): fc.Arbitrary<CronSchedule> =>
  fc.record({
    cron: fc
      .tuple(
        fc.oneof({ weight: 2, arbitrary: fc.constant('') }, field(0, 59)),
        fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)),
      )
      .map(([seconds, fields]) => [seconds, ...fields].join(' ').trim()),
    timezone: fc.constantFrom(...zones),
  });

const instants = fc
  .date({
    min: new Date('2024-01-01T00:00Z'),
    max: new Date('2028-12-31T00:00Z'),
    noInvalidDate: true,
  })
  .map((date) => new Date(date.getTime()));

describe('the functions among each other', () => {
  it('agree on one set of occurrences, whatever they start from', () => {
    fc.assert(
      fc.property(schedules(ZONES), instants, (schedule, instant) => {
        const next = nextOccurrence(schedule, instant);
        const latest = latestOccurrence(schedule, instant);
        if (next === null || latest === null) throw new Error('no occurrence found');
        expect(next.getTime()).toBeGreaterThan(instant.getTime());
        expect(latest.getTime()).toBeLessThanOrEqual(instant.getTime());
        expect(isOccurrence(schedule, next)).toBe(true);
        expect(isOccurrence(schedule, latest)).toBe(true);
        expect(nextOccurrence(schedule, latest)).toEqual(next);
        expect(previousOccurrence(schedule, next)).toEqual(latest);
        expect(
          occurrencesBetween(schedule, {
            from: latest,
            to: new Date(next.getTime() + 1),
            limit: 9,
          }),
        ).toEqual([latest, next]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("the queue engine's own library", () => {
  it('gives the same occurrences in zones without changes of the clock', () => {
    fc.assert(
      fc.property(
        schedules(['UTC', 'Asia/Kolkata', 'Asia/Tokyo']),
        instants,
        (schedule, instant) => {
          const expected = CronExpressionParser.parse(schedule.cron, {
            tz: schedule.timezone,
            currentDate: instant,
          })
            .next()
            .toDate();
          expect(nextOccurrence(schedule, instant)).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  // The library is asked in sequence, from well before each change: from within a
  // repeated hour it would answer differently than it did an hour earlier.
  it.each([
    ['America/New_York', '2026-03-08', '2026-11-01'],
    ['Europe/Berlin', '2026-03-29', '2026-10-25'],
    ['Europe/London', '2026-03-29', '2026-10-25'],
    ['America/St_Johns', '2026-03-08', '2026-11-01'],
  ])('gives the same occurrences around the changes of %s, in sequence', (timezone, ...days) => {
    for (const day of days)
      for (const cron of [
        '30 1 * * *',
        '30 2 * * *',
        '0 0 * * *',
        '15 3 * * *',
        '0 * * * *',
        '*/20 * * * *',
        '*/20 1 * * *',
        '*/20 2 * * *',
        '0 */2 * * *',
        '0,30 2,3 * * *',
        '15 1,2,3 * * *',
        '30 2 * * 0',
        '45 1-2 * * *',
        '15,45 30 2 * * *',
        '30 */20 * * * *',
        '10 0,30 2,3 * * *',
        '20,40 30 1 * * *',
      ]) {
        const from = new Date(Date.parse(day) - 3 * 86_400_000);
        const to = new Date(Date.parse(day) + 4 * 86_400_000);
        const library = CronExpressionParser.parse(cron, { tz: timezone, currentDate: from });
        const expected: Date[] = [];
        for (let next = library.next().toDate(); next < to; next = library.next().toDate())
          expected.push(next);
        const after = new Date(from.getTime() + 1);
        const found = occurrencesBetween(at(cron, timezone), { from: after, to, limit: 10_000 });
        expect(found, `${cron} in ${timezone}`).toEqual(expected);
      }
  });
});
