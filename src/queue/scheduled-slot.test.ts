import { describe, expect, it } from 'vitest';
import { scheduledSlotOf } from './scheduled-slot.ts';

const AT = Date.UTC(2026, 10, 2, 6, 20);

describe('scheduledSlotOf', () => {
  it('reads the slot of a scheduler’s job', () => {
    const traces = { jobId: `repeat:weekly_x:${AT}`, repeatJobKey: 'weekly_x', prevMillis: AT };
    expect(scheduledSlotOf(traces)).toEqual(new Date(AT));
    expect(scheduledSlotOf({ ...traces, prevMillis: undefined })).toEqual(new Date(AT));
  });

  it.each([
    { why: 'no scheduler', jobId: `repeat:a:${AT}`, repeatJobKey: undefined, prevMillis: AT },
    { why: 'another scheduler', jobId: `repeat:a:${AT}`, repeatJobKey: 'b', prevMillis: AT },
    { why: 'an id of its own', jobId: 'run_1', repeatJobKey: 'a', prevMillis: AT },
    { why: 'no id', jobId: undefined, repeatJobKey: 'a', prevMillis: AT },
    { why: 'a slot that is no number', jobId: 'repeat:a:1e9', repeatJobKey: 'a', prevMillis: 1e9 },
    { why: 'an empty slot', jobId: 'repeat:a:', repeatJobKey: 'a', prevMillis: undefined },
    {
      why: 'a slot that is no instant',
      jobId: 'repeat:a:9999999999999999',
      repeatJobKey: 'a',
      prevMillis: undefined,
    },
    { why: 'two slots', jobId: `repeat:a:${AT}`, repeatJobKey: 'a', prevMillis: AT + 1 },
    { why: 'a slot as text', jobId: `repeat:a:${AT}`, repeatJobKey: 'a', prevMillis: String(AT) },
  ])('finds none for a job with $why', ({ jobId, repeatJobKey, prevMillis }) => {
    expect(scheduledSlotOf({ jobId, repeatJobKey, prevMillis })).toBeNull();
  });
});
