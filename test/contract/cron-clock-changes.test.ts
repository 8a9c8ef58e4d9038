import { describe, expect, it } from 'vitest';
import {
  type CronSchedule,
  isOccurrence,
  nextOccurrence,
  occurrencesBetween,
  previousOccurrence,
} from '#occurrences/occurrence-times';

/**
 * Worked out by hand from the offsets, which stand beside each zone. A vector is
 * a line, the instant to start from, and the instants that follow in UTC.
 */
interface Vector {
  readonly cron: string;
  readonly from: string;
  readonly expected: readonly string[];
}

const vector = (cron: string, from: string, ...expected: readonly string[]): Vector => ({
  cron,
  from,
  expected,
});

const VECTORS: Readonly<Record<string, readonly Vector[]>> = {
  // +01:00; on 29 March 2026 02:00 becomes 03:00 (+02:00) at 01:00Z, on 25 October back at 01:00Z.
  'Europe/Berlin': [
    // 02:30, 03:30, 02:30
    vector('30 2 * * *', '2026-03-28T00:00Z', '03-28T01:30', '03-29T01:30', '03-30T00:30'),
    // 02:30 the first time alone
    vector('30 2 * * *', '2026-10-24T00:00Z', '10-24T00:30', '10-25T00:30', '10-26T01:30'),
    // 01:00, 03:00, 04:00
    vector('0 * * * *', '2026-03-29T00:00Z', '03-29T00:00', '03-29T01:00', '03-29T02:00'),
    // 02:00, 02:00, 03:00
    vector('0 * * * *', '2026-10-25T00:00Z', '10-25T00:00', '10-25T01:00', '10-25T02:00'),
    // 01:40, 03:00, 03:20
    vector('*/20 * * * *', '2026-03-29T00:40Z', '03-29T00:40', '03-29T01:00', '03-29T01:20'),
    // 02:40, 02:00, 02:20, 02:40, 03:00
    vector(
      '*/20 * * * *',
      '2026-10-25T00:40Z',
      '10-25T00:40',
      '10-25T01:00',
      '10-25T01:20',
      '10-25T01:40',
      '10-25T02:00',
    ),
    // 00:00, 03:00, 04:00, 06:00
    vector(
      '0 */2 * * *',
      '2026-03-28T23:00Z',
      '03-28T23:00',
      '03-29T01:00',
      '03-29T02:00',
      '03-29T04:00',
    ),
    // 00:00, 02:00 the first time, 04:00
    vector('0 */2 * * *', '2026-10-24T22:00Z', '10-24T22:00', '10-25T00:00', '10-25T03:00'),
  ],
  // +00:00; on 29 March 2026 01:00 becomes 02:00 (+01:00) at 01:00Z, on 25 October back at 01:00Z.
  'Europe/London': [
    // 01:30, 02:30, 01:30
    vector('30 1 * * *', '2026-03-28T00:00Z', '03-28T01:30', '03-29T01:30', '03-30T00:30'),
    // 02:30 exists on each of the days
    vector('30 2 * * *', '2026-03-28T00:00Z', '03-28T02:30', '03-29T01:30', '03-30T01:30'),
    vector('30 1 * * *', '2026-10-24T00:00Z', '10-24T00:30', '10-25T00:30', '10-26T01:30'),
    // 01:00, 01:00, 02:00
    vector('0 * * * *', '2026-10-25T00:00Z', '10-25T00:00', '10-25T01:00', '10-25T02:00'),
    // 01:40, 01:00, 01:20, 01:40
    vector(
      '*/20 * * * *',
      '2026-10-25T00:40Z',
      '10-25T00:40',
      '10-25T01:00',
      '10-25T01:20',
      '10-25T01:40',
    ),
    // 00:00, 02:00, 04:00: only an odd hour is left out
    vector('0 */2 * * *', '2026-03-29T00:00Z', '03-29T00:00', '03-29T01:00', '03-29T03:00'),
  ],
  // -05:00; on 8 March 2026 02:00 becomes 03:00 (-04:00) at 07:00Z, on 1 November back at 06:00Z.
  'America/New_York': [
    // 02:30, 03:30, 02:30
    vector('30 2 * * *', '2026-03-07T00:00Z', '03-07T07:30', '03-08T07:30', '03-09T06:30'),
    // 01:30 the first time alone
    vector('30 1 * * *', '2026-10-31T00:00Z', '10-31T05:30', '11-01T05:30', '11-02T06:30'),
    // 01:00, 01:00, 02:00
    vector('0 * * * *', '2026-11-01T05:00Z', '11-01T05:00', '11-01T06:00', '11-01T07:00'),
    // 01:40, 01:00, 01:20, 01:40, 02:00
    vector(
      '*/20 * * * *',
      '2026-11-01T05:40Z',
      '11-01T05:40',
      '11-01T06:00',
      '11-01T06:20',
      '11-01T06:40',
      '11-01T07:00',
    ),
    // 00:00, 03:00, 04:00, 06:00
    vector(
      '0 */2 * * *',
      '2026-03-08T05:00Z',
      '03-08T05:00',
      '03-08T07:00',
      '03-08T08:00',
      '03-08T10:00',
    ),
    // 00:00, 02:00, 04:00, the second three hours after the first
    vector('0 */2 * * *', '2026-11-01T04:00Z', '11-01T04:00', '11-01T07:00', '11-01T09:00'),
  ],
  // +10:30; on 4 October 2026 02:00 becomes 02:30 (+11:00) at 15:30Z of the 3rd, on 5 April
  // 02:00 becomes 01:30 at 15:00Z of the 4th.
  'Australia/Lord_Howe': [
    // 02:15, 02:45, 02:15
    vector('15 2 * * *', '2026-10-02T12:00Z', '10-02T15:45', '10-03T15:45', '10-04T15:15'),
    // 02:45 by the shift, 02:50 by itself, 02:15 on the next day
    vector('15,50 2 * * *', '2026-10-03T12:00Z', '10-03T15:45', '10-03T15:50', '10-04T15:15'),
    // 02:30 exists
    vector('30 2 * * *', '2026-10-03T12:00Z', '10-03T15:30', '10-04T15:30'),
    // 01:45 the first time alone
    vector('45 1 * * *', '2026-04-03T12:00Z', '04-03T14:45', '04-04T14:45', '04-05T15:15'),
    // 01:00, 02:00, which comes after the repeated half hour, 03:00
    vector('0 * * * *', '2026-04-04T14:00Z', '04-04T14:00', '04-04T15:30', '04-04T16:30'),
    // 01:40, 01:40, 02:00, 02:20
    vector(
      '*/20 * * * *',
      '2026-04-04T14:40Z',
      '04-04T14:40',
      '04-04T15:10',
      '04-04T15:30',
      '04-04T15:50',
    ),
    // 01:00, 03:00: a schedule of every hour leaves 02:00 out
    vector('0 * * * *', '2026-10-03T14:30Z', '10-03T14:30', '10-03T16:00', '10-03T17:00'),
    // 01:40, 02:40, 03:00
    vector('*/20 * * * *', '2026-10-03T15:10Z', '10-03T15:10', '10-03T15:40', '10-03T16:00'),
    // 00:00, 02:30, 04:00
    vector('0 */2 * * *', '2026-10-03T13:30Z', '10-03T13:30', '10-03T15:30', '10-03T17:00'),
  ],
  // -04:00; on 6 September 2026 00:00 becomes 01:00 (-03:00) at 04:00Z, on 5 April
  // 00:00 becomes 23:00 of the 4th at 03:00Z.
  'America/Santiago': [
    // 00:00, 01:00, 00:00
    vector('0 0 * * *', '2026-09-05T00:00Z', '09-05T04:00', '09-06T04:00', '09-07T03:00'),
    // 00:30, 01:30, 00:30
    vector('30 0 * * *', '2026-09-05T00:00Z', '09-05T04:30', '09-06T04:30', '09-07T03:30'),
    // 02:30 is far from the change
    vector('30 2 * * *', '2026-09-05T00:00Z', '09-05T06:30', '09-06T05:30', '09-07T05:30'),
    // 23:30 the first time alone
    vector('30 23 * * *', '2026-04-04T00:00Z', '04-04T02:30', '04-05T02:30', '04-06T03:30'),
    // 00:00, 00:00: the clocks reach midnight once
    vector('0 0 * * *', '2026-04-04T00:00Z', '04-04T03:00', '04-05T04:00', '04-06T04:00'),
    // 23:00, 23:00, 00:00
    vector('0 * * * *', '2026-04-05T02:00Z', '04-05T02:00', '04-05T03:00', '04-05T04:00'),
    // 23:40, 23:00, 23:20, 23:40
    vector(
      '*/20 * * * *',
      '2026-04-05T02:40Z',
      '04-05T02:40',
      '04-05T03:00',
      '04-05T03:20',
      '04-05T03:40',
    ),
    // 22:00, 01:00, 02:00, 04:00
    vector(
      '0 */2 * * *',
      '2026-09-06T02:00Z',
      '09-06T02:00',
      '09-06T04:00',
      '09-06T05:00',
      '09-06T07:00',
    ),
  ],
  // +12:00; on 27 September 2026 02:00 becomes 03:00 (+13:00) at 14:00Z of the 26th, on
  // 5 April 03:00 becomes 02:00 at 14:00Z of the 4th.
  'Pacific/Auckland': [
    // 02:30, 03:30, 02:30
    vector('30 2 * * *', '2026-09-25T12:00Z', '09-25T14:30', '09-26T14:30', '09-27T13:30'),
    // 02:30 the first time alone
    vector('30 2 * * *', '2026-04-03T12:00Z', '04-03T13:30', '04-04T13:30', '04-05T14:30'),
    // 02:00, 02:00, 03:00
    vector('0 * * * *', '2026-04-04T13:00Z', '04-04T13:00', '04-04T14:00', '04-04T15:00'),
    // 02:40, 02:00, 02:20, 02:40
    vector(
      '*/20 * * * *',
      '2026-04-04T13:40Z',
      '04-04T13:40',
      '04-04T14:00',
      '04-04T14:20',
      '04-04T14:40',
    ),
    // 00:00, 03:00, 04:00
    vector('0 */2 * * *', '2026-09-26T12:00Z', '09-26T12:00', '09-26T14:00', '09-26T15:00'),
  ],
  // +00:00; on 29 March 2026 01:00 becomes 03:00 (+02:00) at 01:00Z, on 25 October 03:00 becomes 01:00.
  'Antarctica/Troll': [
    // 01:30, 03:30, 01:30: a gap of two hours shifts by two
    vector('30 1 * * *', '2026-03-28T00:00Z', '03-28T01:30', '03-29T01:30', '03-29T23:30'),
    // 01:00, 02:00, 01:00, 02:00, 03:00
    vector(
      '0 * * * *',
      '2026-10-24T23:00Z',
      '10-24T23:00',
      '10-25T00:00',
      '10-25T01:00',
      '10-25T02:00',
      '10-25T03:00',
    ),
    // 02:30 the first time alone
    vector('30 2 * * *', '2026-10-25T00:00Z', '10-25T00:30', '10-26T02:30'),
  ],
  // +05:30 all year.
  'Asia/Kolkata': [
    vector('30 2 * * *', '2026-03-28T00:00Z', '03-28T21:00', '03-29T21:00', '03-30T21:00'),
    vector('0 */2 * * *', '2026-10-24T22:00Z', '10-24T22:30', '10-25T00:30', '10-25T02:30'),
  ],
};

const cases = Object.entries(VECTORS).flatMap(([timezone, vectors]) =>
  vectors.map(({ cron, from, expected }) => ({ timezone, cron, from, expected })),
);

describe('vectors of the clock changes of 2026', () => {
  it.each(cases)('$cron in $timezone from $from', ({ timezone, cron, from, expected }) => {
    const schedule: CronSchedule = { cron, timezone };
    const instants = expected.map((text) => new Date(`2026-${text}Z`));
    const last = instants.at(-1) ?? new Date(0);
    const to = new Date(last.getTime() + 1);
    expect(occurrencesBetween(schedule, { from: new Date(from), to, limit: 100 })).toEqual(
      instants,
    );
    instants.slice(1).forEach((instant, index) => {
      const before = instants[index] ?? new Date(0);
      expect(nextOccurrence(schedule, before)).toEqual(instant);
      expect(previousOccurrence(schedule, instant)).toEqual(before);
    });
    expect(instants.every((instant) => isOccurrence(schedule, instant))).toBe(true);
  });
});
