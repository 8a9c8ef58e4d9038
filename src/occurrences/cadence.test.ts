import { expect, it } from 'vitest';
import { isSlow, observeCadence } from './cadence.ts';

const MINUTE_MS = 60_000;
const instants = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index * 5 * MINUTE_MS);
const starts = (everyMinutes: number, runMinutes: number, waitMs = 0) =>
  Array.from({ length: 8 }, (_, index) => {
    const scheduledForMs = index * everyMinutes * MINUTE_MS;
    const startedMs = scheduledForMs + waitMs;
    return { scheduledForMs, startedMs, finishedMs: startedMs + runMinutes * MINUTE_MS };
  });

it('sees a task that starts as often as its schedule says', () => {
  const cadence = observeCadence(starts(5, 1, 40), instants(8));
  expect(cadence).toEqual({
    starts: 8,
    configuredMs: 5 * MINUTE_MS,
    observedMs: 5 * MINUTE_MS,
    waitMs: { p50: 40, p95: 40 },
    runMs: { p50: MINUTE_MS, p95: MINUTE_MS },
  });
  expect(cadence !== null && isSlow(cadence)).toBe(false);
});

it('sees a slow job that swallows its own next slots, by its run time', () => {
  const cadence = observeCadence(starts(15, 12), instants(22));
  expect(cadence).toMatchObject({ configuredMs: 5 * MINUTE_MS, observedMs: 15 * MINUTE_MS });
  expect(cadence?.runMs.p50).toBe(12 * MINUTE_MS);
  expect(cadence !== null && isSlow(cadence)).toBe(true);
});

it('takes a single gap, such as a pause, for no change of cadence', () => {
  const paused = starts(5, 1).map((start, index) => {
    const shift = index < 4 ? 0 : 120 * MINUTE_MS;
    return {
      scheduledForMs: start.scheduledForMs + shift,
      startedMs: start.startedMs + shift,
      finishedMs: null,
    };
  });
  const cadence = observeCadence(paused, instants(32));
  expect(cadence !== null && isSlow(cadence)).toBe(false);
  expect(cadence?.runMs).toEqual({ p50: 0, p95: 0 });
});

it('says nothing of a task that has hardly started', () => {
  expect(observeCadence(starts(5, 1).slice(0, 4), instants(4))).toBeNull();
});
