import { describe, expect, it } from 'vitest';
import { toLiveScheduler } from './live-scheduler.ts';
import type { SchedulerRecord } from './scheduler-store.ts';

const record: SchedulerRecord = {
  schedulerId: 'daily',
  jobName: 'daily',
  pattern: '0 9 * * *',
  everyMs: null,
  timezone: 'UTC',
  nextMs: Date.UTC(2026, 0, 1, 9),
  data: {},
  attempts: 3,
  slotState: 'wait',
};

describe('toLiveScheduler', () => {
  it('tells what was found in the port’s words', () => {
    expect(toLiveScheduler('q', record)).toEqual({
      queueName: 'q',
      schedulerId: 'daily',
      jobName: 'daily',
      cron: '0 9 * * *',
      everyMs: null,
      timezone: 'UTC',
      nextAt: new Date('2026-01-01T09:00Z'),
      data: {},
      attempts: 3,
      slotState: 'waiting',
    });
  });

  it.each([
    { what: 'a slot that is no instant', over: { nextMs: 9e15 }, told: { nextAt: null } },
    { what: 'half a millisecond', over: { nextMs: 0.5 }, told: { nextAt: null } },
    { what: 'no slot', over: { nextMs: null }, told: { nextAt: null } },
    { what: 'attempts as text', over: { attempts: '3' }, told: { attempts: null } },
    { what: 'no job', over: { slotState: null }, told: { slotState: null } },
    { what: 'an unknown state', over: { slotState: 'lost' }, told: { slotState: null } },
  ])('tells nothing of $what', ({ over, told }) => {
    expect(toLiveScheduler('q', { ...record, ...over })).toMatchObject(told);
  });
});
