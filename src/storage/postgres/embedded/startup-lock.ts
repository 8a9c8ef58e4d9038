import path from 'node:path';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { findLockHolder, type ProcessLock, tryProcessLock } from './process-lock.ts';

const WAIT_MS = 120_000;
const POLL_MS = 20;

const locksOf = (dataDir: string): string => path.join(dataDir, 'locks');

/** The process number of the living owner of the directory; null without one. */
export const findEmbeddedOwner = (dataDir: string): number | null =>
  findLockHolder(locksOf(dataDir), 'owner')?.pid ?? null;

/** Held for as long as an `own`ing process lives. Throws `in_use`. */
export const takeOwnership = (dataDir: string): ProcessLock => {
  const taken = tryProcessLock(locksOf(dataDir), 'owner');
  if ('lock' in taken) return taken.lock;
  const { pid } = taken.holder;
  throw new AppError(
    'in_use',
    `${dataDir} is in use by process ${pid}; stop it first or set OPSLOOP_DATA_DIR to another directory`,
    { details: { pid } },
  );
};

/** Starting, stopping, joining and leaving exclude each other between all processes. */
export const underStartupLock = async <T>(
  dataDir: string,
  clock: Clock,
  work: () => Promise<T>,
): Promise<T> => {
  const deadline = clock.now().getTime() + WAIT_MS;
  for (;;) {
    const taken = tryProcessLock(locksOf(dataDir), 'startup');
    if ('lock' in taken) {
      try {
        return await work();
      } finally {
        taken.lock.release();
      }
    }
    if (clock.now().getTime() > deadline)
      throw new AppError(
        'unavailable',
        `process ${taken.holder.pid} has been starting or stopping the embedded PostgreSQL for ${WAIT_MS / 1000} s`,
      );
    await clock.sleep(POLL_MS);
  }
};
