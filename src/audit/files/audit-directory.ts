import { mkdir, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, hasSystemCode } from '#core/errors';
import { SPOOL_FOLDER } from '../write/spool-places.ts';

/** Its presence says that opsloop may write to, compact and clean the directory. */
export const AUDIT_MARKER = '.opsloop-audit';

/** What the marker says to whoever finds it. */
export const MARKER_TEXT =
  'opsloop writes, compacts and cleans the tool-call audit files of this directory.\nDelete this file to make it leave the directory alone.\n';

/**
 * Whether these names of a directory are nobody's. The folder of the locks is
 * made again by whoever looks for one after the directory was removed.
 */
export const holdsNothing = (names: readonly string[]): boolean =>
  names.every((name) => name === SPOOL_FOLDER);

const writeMarker = async (directory: string): Promise<void> => {
  const marker = await open(path.join(directory, AUDIT_MARKER), 'wx', 0o600).catch(
    (error: unknown) => {
      if (hasSystemCode(error, 'EEXIST')) return undefined;
      throw error;
    },
  );
  if (marker === undefined) return;
  try {
    await marker.writeFile(MARKER_TEXT);
    await marker.sync();
  } finally {
    await marker.close();
  }
};

/** Whether the directory carries our marker. A missing directory does not. */
export const isAdopted = async (directory: string): Promise<boolean> => {
  try {
    return (await stat(path.join(directory, AUDIT_MARKER))).isFile();
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT') || hasSystemCode(error, 'ENOTDIR')) return false;
    throw error;
  }
};

/** Marks an existing directory as ours. Throws `not_found` when there is none. */
export const adoptAuditDirectory = async (directory: string): Promise<void> => {
  const found = await stat(directory).catch((error: unknown) => {
    if (hasSystemCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (found?.isDirectory() !== true) {
    throw new AppError('not_found', `${path.basename(directory)} is not an existing directory.`);
  }
  await writeMarker(directory);
};

/**
 * Makes the directory (mode 0700) with its marker when it does not exist. One
 * without a marker and without anything of anybody is taken as ours: a crash
 * between the two steps leaves just that. Answers whether the directory is ours
 * now.
 */
export const ensureAuditDirectory = async (directory: string): Promise<boolean> => {
  if (await isAdopted(directory)) return true;
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made === undefined && !holdsNothing(await readdir(directory))) return isAdopted(directory);
  await writeMarker(directory);
  return true;
};
