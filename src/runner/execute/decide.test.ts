import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { backoffDelayMs, decide, type Ending, type RetryPolicy } from './decide.ts';

const policy: RetryPolicy = {
  attempts: 3,
  backoff: { type: 'exponential', delayMs: 30_000, jitter: 0.2 },
};
const failed = (retry: 'retryable' | 'final'): Ending => ({
  kind: 'returned',
  outcome: { kind: 'failed', reason: 'no rows', retry },
});
const aborted = (cause: 'timeout' | 'cancelled' | 'shutdown' | 'lease_lost'): Ending => ({
  kind: 'aborted',
  cause,
  detail: 'why',
});

describe('decide', () => {
  it.each([
    [
      'success',
      { kind: 'returned', outcome: { kind: 'succeeded', summary: {} } } as const,
      1,
      'succeed',
    ],
    ['a retryable failure with attempts left', failed('retryable'), 2, 'retry'],
    ['a retryable failure on the last attempt', failed('retryable'), 3, 'end'],
    ['a final failure on the first attempt', failed('final'), 1, 'end'],
    ['something thrown', { kind: 'threw', error: new TypeError('x') } as const, 1, 'retry'],
    [
      'an engine that is away',
      { kind: 'threw', error: new AppError('unavailable', 'x') } as const,
      1,
      'retry',
    ],
    [
      'a broken policy file',
      { kind: 'threw', error: new AppError('invalid_policy', 'x') } as const,
      1,
      'end',
    ],
    [
      'a write that was fenced off',
      { kind: 'threw', error: new AppError('lease_lost', 'x') } as const,
      1,
      'void',
    ],
    ['a timeout, attempts left or not', aborted('timeout'), 1, 'end'],
    ['a cancellation', aborted('cancelled'), 1, 'end'],
    ['a shutdown on the last attempt', aborted('shutdown'), 3, 'requeue'],
    ['a lost lease', aborted('lease_lost'), 1, 'void'],
  ])('%s', (_name, ending, attempt, kind) => {
    expect(decide(ending, attempt, policy, 0.5).kind).toBe(kind);
  });

  it('tells timeout, cancellation and failure apart in the state', () => {
    expect(decide(aborted('timeout'), 1, policy, 0)).toMatchObject({ state: 'timed_out' });
    expect(decide(aborted('cancelled'), 1, policy, 0)).toMatchObject({ state: 'cancelled' });
    expect(decide(failed('final'), 1, policy, 0)).toMatchObject({
      state: 'failed',
      error: { class: 'failed', message: 'no rows' },
    });
  });

  it('keeps the class and the message of what was thrown', () => {
    expect(decide({ kind: 'threw', error: new RangeError('too far') }, 3, policy, 0)).toMatchObject(
      {
        error: { class: 'RangeError', message: 'too far' },
      },
    );
  });
});

describe('backoffDelayMs', () => {
  it('doubles from the declared delay', () => {
    const delays = [1, 2, 3, 4].map((n) => backoffDelayMs(policy.backoff, n, 0.5));
    expect(delays).toEqual([30_000, 60_000, 120_000, 240_000]);
  });

  it('stays within the jitter and under an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (attempt, random) => {
          const delay = backoffDelayMs(policy.backoff, attempt, random);
          const exact = 30_000 * 2 ** Math.min(attempt - 1, 30);
          expect(delay).toBeLessThanOrEqual(3_600_000);
          expect(delay).toBeGreaterThanOrEqual(Math.min(3_600_000, Math.floor(exact * 0.8)));
        },
      ),
    );
  });
});
