import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Whether an error of the file system has this code. */
export const hasErrorCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** Makes a rename or an unlink in the directory survive a power cut. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Makes the directory and what is missing above it, each safe on disk. */
export const makeDirectory = async (directory: string, mode: number): Promise<void> => {
  const firstMade = await mkdir(directory, { recursive: true, mode });
  if (firstMade === undefined) return;
  for (let made = directory; made.length >= firstMade.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
};

const tempPrefix = (file: string): string => `.${path.basename(file)}.`;
const TEMP_SUFFIX = '.tmp';

const isRegularOrMissing = async (file: string): Promise<boolean> => {
  try {
    return (await lstat(file)).isFile();
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return true;
    throw error;
  }
};

/** What a writer that was killed left of this very file. */
const removeLeftovers = async (file: string): Promise<void> => {
  const directory = path.dirname(file);
  for (const name of await readdir(directory)) {
    const isLeftover = name.startsWith(tempPrefix(file)) && name.endsWith(TEMP_SUFFIX);
    if (isLeftover) await rm(path.join(directory, name), { force: true });
  }
};

export interface FileReplacement {
  readonly file: string;
  readonly mode: number;
  /** Fills the temporary file; what it opens beside that it closes itself. */
  fill(handle: FileHandle, tempFile: string): Promise<void>;
  /** The last look before the new content takes the name. */
  beforeRename(): Promise<void>;
}

/**
 * Gives `file` new content in one step: a temporary file beside it, fsync,
 * rename, fsync of the directory. A reader sees the old or the new content,
 * never a part. A killed writer leaves a hidden file that the next one removes.
 */
export const replaceFile = async (replacement: FileReplacement): Promise<void> => {
  const { file } = replacement;
  if (!(await isRegularOrMissing(file))) {
    throw new Error(`${path.basename(file)} exists and is not a regular file`);
  }
  const directory = path.dirname(file);
  const suffix = `${randomBytes(6).toString('hex')}${TEMP_SUFFIX}`;
  const tempFile = path.join(directory, tempPrefix(file) + suffix);
  const handle = await open(tempFile, 'wx', replacement.mode);
  try {
    try {
      await replacement.fill(handle, tempFile);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await replacement.beforeRename();
    await rename(tempFile, file);
  } catch (error) {
    await rm(tempFile, { force: true });
    throw error;
  }
  await syncDirectory(directory);
  await removeLeftovers(file);
};
