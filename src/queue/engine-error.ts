import type { Clock } from '#core/clock';
import { AppError, messageOf } from '#core/errors';
import { RETRY_AFTER_SECONDS } from './engine-limits.ts';

/**
 * Says that the engine cannot be reached. BullMQ knows a lost connection by
 * the code ECONNREFUSED alone: it then waits and tries the same step again,
 * where any other error makes it fail the job at hand.
 */
export class EngineAwayError extends Error {
  readonly code = 'ECONNREFUSED';
  override readonly name = 'EngineAwayError';
}

export const unavailable = (message: string, cause?: unknown): AppError =>
  new AppError('unavailable', message, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    ...(cause === undefined ? {} : { cause: withoutPayload(cause) }),
  });

const codeOf = (error: unknown): string | number | undefined => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
};

// A data exception (SQLSTATE class 22) quotes the offending value in its message.
const quotesData = (code: string | number | undefined): boolean =>
  typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code);

/**
 * The error without what drivers hang on it: ioredis the whole command with
 * its arguments, pg the offending row. Both would put a job's data in a log.
 */
export const withoutPayload = (error: unknown): Error => {
  const code = codeOf(error);
  const message = quotesData(code) ? 'The engine refused the data' : messageOf(error);
  const clean = new Error(code === undefined ? message : `${message} (${code})`);
  clean.name = error instanceof Error ? error.name : 'Error';
  if (error instanceof Error && error.stack !== undefined && !quotesData(code))
    clean.stack = error.stack;
  return clean;
};

/** Settles as `work` does, or rejects with EngineAwayError after `timeoutMs`. */
export const settleWithin = async <T>(
  clock: Clock,
  timeoutMs: number,
  work: Promise<T>,
): Promise<T> => {
  const done = new AbortController();
  const deadline = clock.sleep(timeoutMs, done.signal).then((): never => {
    throw new EngineAwayError(`The engine did not answer within ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    // The deadline settles now; its rejection has no taker any more.
    deadline.catch(() => undefined);
    done.abort();
  }
};
