import { describe, expect, it } from 'vitest';
import {
  type CronSchedule,
  isOccurrence,
  latestOccurrence,
  nextOccurrence,
  occurrencesBetween,
  previousOccurrence,
} from './occurrence-times.ts';

const BERLIN = 'Europe/Berlin';

const at = (cron: string, timezone = 'UTC'): CronSchedule => ({ cron, timezone });

const listBetween = (schedule: CronSchedule, from: string, to: string): readonly string[] =>
  occurrencesBetween(schedule, { from: new Date(from), to: new Date(to), limit: 100_000 }).map(
    (instant) => instant.toISOString().slice(11, 19),
  );

describe('a line of six fields', () => {
  it('begins with the seconds', () => {
    expect(listBetween(at('*/20 30 9 * * *'), '2026-03-01T00:00Z', '2026-03-02T00:00Z')).toEqual([
      '09:30:00',
      '09:30:20',
      '09:30:40',
    ]);
  });

  it('says the same with a 0 before a line of five', () => {
    const range = { from: new Date('2026-03-20T00:00Z'), to: new Date('2026-04-10T00:00Z') };
    const [six, five] = ['0 15 */6 * * 1,3', '15 */6 * * 1,3'].map((cron) =>
      occurrencesBetween(at(cron, BERLIN), { ...range, limit: 1000 }),
    );
    expect(six).toEqual(five);
    expect(six).toHaveLength(24);
  });

  it('is found from either side, to the second', () => {
    const schedule = at('10,50 0 12 * * *');
    const ten = new Date('2026-03-01T12:00:10Z');
    const fifty = new Date('2026-03-01T12:00:50Z');
    expect(nextOccurrence(schedule, ten)).toEqual(fifty);
    expect(previousOccurrence(schedule, fifty)).toEqual(ten);
    expect(latestOccurrence(schedule, new Date('2026-03-01T12:00:49.999Z'))).toEqual(ten);
    expect(nextOccurrence(schedule, fifty)).toEqual(new Date('2026-03-02T12:00:10Z'));
    expect(latestOccurrence(schedule, new Date('2026-03-01T12:00:09Z'))).toEqual(
      new Date('2026-02-28T12:00:50Z'),
    );
    expect(isOccurrence(schedule, ten)).toBe(true);
    expect(isOccurrence(schedule, new Date('2026-03-01T12:00:11Z'))).toBe(false);
    expect(isOccurrence(schedule, new Date('2026-03-01T12:00:10.001Z'))).toBe(false);
  });
});

describe('a line of six fields where the clocks change', () => {
  it('shifts what a gap leaves out, seconds and all', () => {
    expect(
      listBetween(at('15,45 30 2 * * *', BERLIN), '2026-03-28T12:00Z', '2026-03-29T12:00Z'),
    ).toEqual(['01:30:15', '01:30:45']);
  });

  it('runs once in a repeated hour, the first time', () => {
    expect(
      listBetween(at('15,45 30 2 * * *', BERLIN), '2026-10-24T12:00Z', '2026-10-25T12:00Z'),
    ).toEqual(['00:30:15', '00:30:45']);
  });

  it('goes on through both when it names every hour', () => {
    const every = at('* * * * * *', BERLIN);
    for (const day of ['2026-03-29', '2026-10-25']) {
      const range = { from: new Date(`${day}T00:59:58Z`), to: new Date(`${day}T01:00:02Z`) };
      expect(occurrencesBetween(every, { ...range, limit: 10 })).toHaveLength(4);
    }
    const autumn = { from: new Date('2026-10-24T22:00Z'), to: new Date('2026-10-25T23:00Z') };
    expect(occurrencesBetween(every, { ...autumn, limit: 100_000 })).toHaveLength(25 * 3600);
  });
});

describe('the effort', () => {
  // Processor time, so that a busy machine does not count.
  const effortMs = (calls: number, call: (index: number) => unknown): number => {
    const begin = process.cpuUsage();
    for (let index = 0; index < calls; index += 1) call(index);
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  };
  const spread = (index: number): Date => new Date(Date.UTC(2026, 0, 1) + index * 3_777_777);

  // These take some 20 to 150 ms; bounds ten times as high tell an algorithm, not a machine.
  it('for a search does not grow with the seconds of a day', () => {
    const every = at('* * * * * *', BERLIN);
    const ms = effortMs(10_000, (index) => {
      const instant = spread(index);
      nextOccurrence(every, instant);
      latestOccurrence(every, instant);
      occurrencesBetween(every, { from: instant, to: new Date('2030-01-01T00:00Z'), limit: 2 });
    });
    expect(ms).toBeLessThan(2000);
  });

  it.each(['*/5 * * * *', '0 9 * * 1', '0 5 1 * *', '0 0 1 1 *'])(
    'for %s does not grow with the days until it comes',
    (cron) => {
      const ms = effortMs(10_000, (index) => nextOccurrence(at(cron), spread(index)));
      expect(ms).toBeLessThan(1000);
    },
  );

  it('for a range ends with the range', () => {
    const yearly = at('0 0 29 2 *');
    const range = { from: new Date('2026-01-01T00:00Z'), to: new Date('2026-01-02T00:00Z') };
    const ms = effortMs(10_000, () => occurrencesBetween(yearly, { ...range, limit: 1 }));
    expect(ms).toBeLessThan(500);
  });
});
