import { FileLock } from '#storage/jsonl/file-lock';
import { isAdopted } from '../files/audit-directory.ts';
import { Forwarder } from '../write/forwarder.ts';
import type { Rejection } from '../write/rejected-events.ts';
import { Spool } from '../write/spool.ts';
import { directoryLockFile } from '../write/spool-places.ts';
import { listSpooledDays } from '../write/spool-sidecar.ts';
import type { DatabaseStoreOptions } from './store-options.ts';

export interface LeftoverSpool {
  close(): Promise<void>;
}

const silent = (): void => undefined;

/**
 * Forwards what waits in the directory that this system wrote to before the
 * configured one was adopted. Null when there is nothing. It says nothing of
 * PostgreSQL: the store's own forwarder does.
 */
export const forwardLeftovers = async (
  options: DatabaseStoreOptions,
  directory: string,
  onRejected: (rejection: Rejection) => void,
): Promise<LeftoverSpool | null> => {
  if (!(await isAdopted(directory)) || (await listSpooledDays(directory)).length === 0) return null;
  const { clock, database, recoveryMs } = options;
  const logger = {
    info: silent,
    warn: silent,
    error: (facts: object, message: string) => options.logger.error(facts, message),
  };
  const lock = new FileLock(directoryLockFile(directory));
  const onTornTail = silent;
  const spool = new Spool({ directory, lock, clock, logger, sync: true, onTornTail });
  const forwarder = new Forwarder({ spool, database, clock, logger, recoveryMs, onRejected });
  await forwarder.start();
  return {
    async close() {
      await forwarder.close(0);
      await lock.close();
    },
  };
};
