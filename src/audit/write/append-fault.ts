import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import type { FileLock } from '#storage/jsonl/file-lock';

/** Longest wait for others who append; a holder that died does not hold it. */
export const LOCK_WAIT_MS = 10_000;

const codeOf = (error: unknown): string => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown fault';
};

/** Why events cannot be appended, for operators and callers: no path, no value. */
export const appendFaultText = (error: unknown): string => {
  if (error instanceof AppError) return error.message;
  const code = codeOf(error);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk of the audit directory is full (${code})`;
    case 'EFBIG':
      return `the audit file is full: it has reached the largest size that the system allows (${code})`;
    default:
      return `the audit files cannot be written (${code})`;
  }
};

/** Takes the lock or throws `in_use` when others hold it for too long. */
export const lockWithin = async (lock: FileLock, clock: Clock, waitMs: number): Promise<void> => {
  if (await lock.tryAcquire()) return;
  const given = new AbortController();
  const tooLate = new AbortController();
  void clock.sleep(waitMs, given.signal).then(() => tooLate.abort());
  const isHeld = await lock.acquire(clock, tooLate.signal);
  given.abort();
  if (!isHeld) {
    throw new AppError(
      'in_use',
      `the lock of the audit directory is held by another process for more than ${waitMs} ms`,
    );
  }
};
