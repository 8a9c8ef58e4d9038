import { AppError, ERROR_TABLE, messageOf } from '#core/errors';
import type { JobOutcome } from '#job-kit/job';
import type { Backoff } from '#registry/task';
import type { RunError } from '../run.ts';

export type AbortCause = 'timeout' | 'cancelled' | 'shutdown' | 'lease_lost';

/** How an attempt came to its end. */
export type Ending =
  | { readonly kind: 'returned'; readonly outcome: JobOutcome }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'aborted'; readonly cause: AbortCause; readonly detail: string };

export interface RetryPolicy {
  /** Starts a run may have, crashed ones included. */
  readonly attempts: number;
  readonly backoff: Backoff;
}

/** What the runner does about it. */
export type Verdict =
  | { readonly kind: 'succeed'; readonly outcome: JobOutcome & { kind: 'succeeded' } }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: RunError }
  | {
      readonly kind: 'end';
      readonly state: 'failed' | 'timed_out' | 'cancelled';
      readonly error: RunError;
    }
  /** Back to the queue without spending the attempt. */
  | { readonly kind: 'requeue' }
  /** Another worker holds the run: whatever happened here does not count. */
  | { readonly kind: 'void' };

/** Long stacks are cut so that one run cannot fill a row. */
const MAX_STACK_CHARS = 4_000;
const MAX_MESSAGE_CHARS = 2_000;

export const describeError = (error: unknown): RunError => {
  const message = messageOf(error).slice(0, MAX_MESSAGE_CHARS);
  const errorClass =
    error instanceof AppError ? error.code : error instanceof Error ? error.name : 'Error';
  const stack = error instanceof Error ? error.stack?.slice(0, MAX_STACK_CHARS) : undefined;
  return stack === undefined
    ? { class: errorClass, message }
    : { class: errorClass, message, stack };
};

/** An AppError says whether trying again can help; anything else thrown is taken for a passing fault. */
const isRetryable = (error: unknown): boolean =>
  error instanceof AppError ? ERROR_TABLE[error.code].retry : true;

/**
 * Milliseconds until the next attempt: `delay · 2^(attempt − 1)` or `delay`,
 * varied by ± `jitter` of itself; at most one hour.
 * @param random uniform in [0, 1)
 */
export const backoffDelayMs = (backoff: Backoff, attempt: number, random: number): number => {
  const base =
    backoff.type === 'fixed' ? backoff.delayMs : backoff.delayMs * 2 ** Math.min(attempt - 1, 30);
  const varied = base * (1 + backoff.jitter * (2 * random - 1));
  return Math.round(Math.min(varied, 3_600_000));
};

/** The retry rule, whole: `attempt` counts starts from 1, the one that just ended included. */
export const decide = (
  ending: Ending,
  attempt: number,
  policy: RetryPolicy,
  random: number,
): Verdict => {
  const again = (error: RunError): Verdict =>
    attempt < policy.attempts
      ? { kind: 'retry', delayMs: backoffDelayMs(policy.backoff, attempt, random), error }
      : { kind: 'end', state: 'failed', error };

  switch (ending.kind) {
    case 'aborted':
      switch (ending.cause) {
        case 'lease_lost':
          return { kind: 'void' };
        case 'shutdown':
          return { kind: 'requeue' };
        case 'timeout':
          return {
            kind: 'end',
            state: 'timed_out',
            error: { class: 'timeout', message: ending.detail },
          };
        case 'cancelled':
          return {
            kind: 'end',
            state: 'cancelled',
            error: { class: 'cancelled', message: ending.detail },
          };
      }
      break;
    case 'returned':
      if (ending.outcome.kind === 'succeeded') return { kind: 'succeed', outcome: ending.outcome };
      return ending.outcome.retry === 'retryable'
        ? again({ class: 'failed', message: ending.outcome.reason })
        : {
            kind: 'end',
            state: 'failed',
            error: { class: 'failed', message: ending.outcome.reason },
          };
    case 'threw': {
      if (ending.error instanceof AppError && ending.error.code === 'lease_lost')
        return { kind: 'void' };
      const error = describeError(ending.error);
      return isRetryable(ending.error) ? again(error) : { kind: 'end', state: 'failed', error };
    }
  }
};
