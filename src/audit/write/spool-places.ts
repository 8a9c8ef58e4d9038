import path from 'node:path';

/** Folder inside the audit directory for locks and what is known of spooled days. */
export const SPOOL_FOLDER = '.spool';

/** Held by whoever appends to, cuts, replaces or removes a daily file of the directory. */
export const directoryLockFile = (directory: string): string =>
  path.join(directory, SPOOL_FOLDER, 'write.lock');

/** Held by the one process that forwards the directory's spool to PostgreSQL. */
export const forwardLockFile = (directory: string): string =>
  path.join(directory, SPOOL_FOLDER, 'forward.lock');

/** Its presence says that the day's file holds events that are still to be forwarded. */
export const sidecarFile = (directory: string, day: string): string =>
  path.join(directory, SPOOL_FOLDER, `${day}.json`);
