import { describe, expect, it } from 'vitest';
import { readRange } from './backfill-range.ts';
import { type DayOrInstant, parseDayOrInstant } from './option-values.ts';

/** A zone four hours ahead of UTC, all the year. */
const DUBAI = 'Asia/Dubai';
const session = {
  startOfDay: (timezone: string, day: string) =>
    new Date(`${day}T00:00:00${timezone === DUBAI ? '+04:00' : 'Z'}`),
};

const rangeOf = (
  from: string,
  to: string,
  task: Parameters<typeof readRange>[1] = { schedule: null, timezone: 'UTC' },
): readonly string[] => {
  const given: { from: DayOrInstant; to: DayOrInstant } = {
    from: parseDayOrInstant(from),
    to: parseDayOrInstant(to),
  };
  const range = readRange(session, task, given);
  return [range.from.toISOString(), range.to.toISOString()];
};

describe('the range of a backfill', () => {
  it.each([
    ['one day', '2026-11-05', '2026-11-05', '2026-11-05T00:00', '2026-11-06T00:00'],
    ['the last day of a year', '2026-12-31', '2026-12-31', '2026-12-31T00:00', '2027-01-01T00:00'],
    ['a leap day', '2028-02-28', '2028-02-28', '2028-02-28T00:00', '2028-02-29T00:00'],
    [
      'instants',
      '2026-11-05T09:00Z',
      '2026-11-06T09:00+01:00',
      '2026-11-05T09:00',
      '2026-11-06T08:00',
    ],
    [
      'a day and an instant',
      '2026-11-05',
      '2026-11-06T09:00Z',
      '2026-11-05T00:00',
      '2026-11-06T09:00',
    ],
  ])('of %s', (_name, from, to, begins, ends) =>
    expect(rangeOf(from, to)).toEqual([`${begins}:00.000Z`, `${ends}:00.000Z`]),
  );

  it('has the days of the schedule’s zone', () => {
    const schedule = { cron: '0 9 * * *', timezone: DUBAI };
    expect(rangeOf('2026-11-05', '2026-11-05', { schedule, timezone: 'UTC' })).toEqual([
      '2026-11-04T20:00:00.000Z',
      '2026-11-05T20:00:00.000Z',
    ]);
  });

  it('has those of the task’s zone where it follows others', () =>
    expect(rangeOf('2026-11-05', '2026-11-05', { schedule: null, timezone: DUBAI })).toEqual([
      '2026-11-04T20:00:00.000Z',
      '2026-11-05T20:00:00.000Z',
    ]));
});
