import type { Clock } from '#core/clock';
import { withFileLock } from '#storage/jsonl/file-lock';

/** Runs work while nobody else holds the lock of that file. */
export type Exclusively = <T>(lockFile: string, work: () => Promise<T>) => Promise<T>;

/** Waits its turn until the signal aborts. */
export const exclusivelyBy =
  (clock: Clock, signal?: AbortSignal): Exclusively =>
  (lockFile, work) =>
    withFileLock(lockFile, { clock, ...(signal === undefined ? {} : { signal }) }, work);

/** For a dry-run, which must not make the lock's file and keeps nobody waiting. */
export const withoutLock: Exclusively = (_lockFile, work) => work();
