import { describe, expect, it } from 'vitest';
import { describeClockChanges } from './clock-changes.ts';

const notes = (
  cron: string,
  timezone: string,
  range: { readonly from?: string; readonly to?: string } = {},
): readonly string[] => {
  const { from = '2026-09-01T00:00Z', to = '2027-09-01T00:00Z' } = range;
  return describeClockChanges({ cron, timezone }, { from: new Date(from), to: new Date(to) }).map(
    ({ text }) => text,
  );
};

describe('describeClockChanges', () => {
  it('says each change that touches a daily schedule, in order', () => {
    expect(notes('30 2 * * *', 'Europe/Berlin')).toEqual([
      'on 2026-10-25 the hour 02:00 comes twice in Europe/Berlin: 02:30 runs once, the first time',
      'on 2027-03-28 02:30 does not exist in Europe/Berlin: it runs at 03:30',
    ]);
  });

  it('comes with the instant of the change', () => {
    const range = { from: new Date('2026-09-01T00:00Z'), to: new Date('2026-12-01T00:00Z') };
    const schedule = { cron: '30 1 * * *', timezone: 'America/New_York' };
    expect(describeClockChanges(schedule, range)).toEqual([
      {
        at: new Date('2026-11-01T06:00Z'),
        text: 'on 2026-11-01 the hour 01:00 comes twice in America/New_York: 01:30 runs once, the first time',
      },
    ]);
  });

  it('says what a schedule of every hour does', () => {
    expect(notes('*/20 * * * *', 'America/New_York')).toEqual([
      'on 2026-11-01 the hour 01:00 comes twice in America/New_York: 01:00, 01:20 and 01:40 run in both',
      'on 2027-03-14 02:00, 02:20 and 02:40 do not exist in America/New_York: they are left out',
    ]);
    expect(notes('0 * * * *', 'America/New_York')).toEqual([
      'on 2026-11-01 the hour 01:00 comes twice in America/New_York: 01:00 runs in both',
      'on 2027-03-14 02:00 does not exist in America/New_York: it is left out',
    ]);
  });

  it('counts what would be long to list', () => {
    expect(notes('*/5 2 * * *', 'Europe/Berlin')).toEqual([
      'on 2026-10-25 the hour 02:00 comes twice in Europe/Berlin: the 12 times from 02:00 to 02:55 run once each, the first time',
      'on 2027-03-28 the 12 times from 02:00 to 02:55 do not exist in Europe/Berlin: they run from 03:00 to 03:55',
    ]);
  });

  it('says the seconds of a schedule that has any', () => {
    expect(notes('15 30 2 * * *', 'Europe/Berlin')).toEqual([
      'on 2026-10-25 the hour 02:00 comes twice in Europe/Berlin: 02:30:15 runs once, the first time',
      'on 2027-03-28 02:30:15 does not exist in Europe/Berlin: it runs at 03:30:15',
    ]);
  });

  it('says when a shifted time meets another', () => {
    expect(notes('0,30 2,3 * * *', 'Europe/Berlin')[1]).toBe(
      'on 2027-03-28 02:00 and 02:30 do not exist in Europe/Berlin: they run at 03:00 and 03:30, in one with what is due then anyway',
    );
    expect(notes('0,15,45 2 * * *', 'Australia/Lord_Howe')[0]).toBe(
      'on 2026-10-04 02:00 and 02:15 do not exist in Australia/Lord_Howe: they run at 02:30 and 02:45, some in one with what is due then anyway',
    );
  });

  it('names a stretch that is no full hour by both ends', () => {
    expect(notes('45 1 * * *', 'Australia/Lord_Howe')).toEqual([
      'on 2027-04-04 the time from 01:30 to 02:00 comes twice in Australia/Lord_Howe: 01:45 runs once, the first time',
    ]);
  });

  it('names a stretch that is no hour of the clock by both ends too', () => {
    // Newfoundland changed its clocks at one minute past midnight until 2011.
    const range = { from: '2010-11-01T00:00Z', to: '2010-12-01T00:00Z' };
    expect(notes('30 23 * * *', 'America/St_Johns', range)).toEqual([
      'on 2010-11-06 the time from 23:01 to 00:01 comes twice in America/St_Johns: 23:30 runs once, the first time',
    ]);
  });

  it('gives the local date of the change, before midnight or after', () => {
    expect(notes('0,30 0,23 * * *', 'America/Santiago')).toEqual([
      'on 2026-09-06 00:00 and 00:30 do not exist in America/Santiago: they run at 01:00 and 01:30',
      'on 2027-04-03 the hour 23:00 comes twice in America/Santiago: 23:00 and 23:30 run once each, the first time',
    ]);
  });

  it('names another date where a shift ends on one', () => {
    const range = { from: '2011-12-01T00:00Z', to: '2012-01-01T00:00Z' };
    expect(notes('0 12 30 * *', 'Pacific/Apia', range)).toEqual([
      'on 2011-12-30 12:00 does not exist in Pacific/Apia: it runs at 2011-12-31 12:00',
    ]);
  });

  it.each([
    ['0 9 * * *', 'Europe/Berlin'],
    ['30 2 * * 1', 'Europe/Berlin'],
    ['30 2 1 * *', 'Europe/Berlin'],
    ['30 2 * 6 *', 'Europe/Berlin'],
    ['30 2 * * *', 'UTC'],
    ['30 2 * * *', 'Asia/Kolkata'],
  ])('says nothing of %s in %s', (cron, timezone) => {
    expect(notes(cron, timezone)).toEqual([]);
  });

  it('takes the change that a range begins with and leaves the one that it ends with', () => {
    const [spring, autumn] = ['2027-03-28T01:00:00Z', '2026-10-25T01:00:00Z'];
    expect(notes('30 2 * * *', 'Europe/Berlin', { from: autumn, to: spring })).toHaveLength(1);
    expect(
      notes('30 2 * * *', 'Europe/Berlin', {
        from: '2026-10-25T01:00:00.001Z',
        to: '2027-03-28T01:00:00.001Z',
      }),
    ).toEqual(['on 2027-03-28 02:30 does not exist in Europe/Berlin: it runs at 03:30']);
  });
});
