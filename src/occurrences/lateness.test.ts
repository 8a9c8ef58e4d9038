import { describe, expect, it } from 'vitest';
import { lateAfterMs } from './lateness.ts';
import type { CronSchedule } from './occurrence-times.ts';

const MINUTE_MS = 60_000;

const at = (cron: string, timezone = 'UTC'): CronSchedule => ({ cron, timezone });

describe('lateAfterMs', () => {
  it.each([
    ['a daily task', at('0 9 * * *'), '2026-03-01T09:00Z', 10 * MINUTE_MS],
    ['a task of every 20 minutes', at('*/20 * * * *'), '2026-03-01T09:00Z', 10 * MINUTE_MS],
    ['a task of every 5 minutes', at('*/5 * * * *'), '2026-03-01T09:00Z', 2.5 * MINUTE_MS],
    ['a task of every minute', at('* * * * *'), '2026-03-01T09:00Z', 30_000],
    ['a task of every second', at('* * * * * *'), '2026-03-01T09:00Z', 500],
    ['unequal intervals', at('0,4 9 * * *'), '2026-03-01T09:00Z', 2 * MINUTE_MS],
    ['the last of a burst', at('0,4 9 * * *'), '2026-03-01T09:04Z', 10 * MINUTE_MS],
    ['a request', null, '2026-03-01T09:00Z', 10 * MINUTE_MS],
  ])('of %s, by itself', (_name, schedule, scheduledFor, expected) => {
    expect(lateAfterMs(schedule, 'auto', new Date(scheduledFor))).toBe(expected);
  });

  it('is what the task declares', () => {
    expect(lateAfterMs(at('* * * * *'), 3 * MINUTE_MS, new Date(0))).toBe(3 * MINUTE_MS);
  });

  it('goes by the interval that the clocks leave', () => {
    // From 01:58 to 03:00 it is two minutes on the night that leaves out an hour.
    const schedule = at('0,58 1,3 * * *', 'Europe/Berlin');
    expect(lateAfterMs(schedule, 'auto', new Date('2026-03-29T00:58Z'))).toBe(MINUTE_MS);
    expect(lateAfterMs(schedule, 'auto', new Date('2026-03-28T00:58Z'))).toBe(10 * MINUTE_MS);
  });
});
