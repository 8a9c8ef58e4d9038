import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';

const NEWLINE = 0x0a;
const BLOCK_BYTES = 64 * 1024;

export interface AppendOptions {
  readonly file: string;
  /** Whole lines, each with its newline. */
  readonly lines: Buffer;
  /** Called with the file's size after a torn tail was cut, before anything is written. */
  readonly beforeWrite?: (sizeBytes: number) => Promise<void>;
  /** Have the data on the disk when it resolves; a fault of that counts as `fault`. */
  readonly sync: boolean;
}

export interface Appended {
  /** Of the lines that are in the file now: all of them, or those before the fault. */
  readonly bytes: number;
  /** Bytes of a torn line that was found at the end and cut back; 0 for none. */
  readonly tornBytes: number;
  /** Why the rest is not in the file. */
  readonly fault: unknown;
  readonly madeFile: boolean;
}

/** Where the last line that has its newline ends. */
const endOfLastLine = async (file: FileHandle, sizeBytes: number): Promise<number> => {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
};

const cutTail = async (file: FileHandle, sizeBytes: number): Promise<number> => {
  if (sizeBytes === 0) return 0;
  const last = Buffer.allocUnsafe(1);
  await file.read(last, 0, 1, sizeBytes - 1);
  if (last[0] === NEWLINE) return 0;
  const end = await endOfLastLine(file, sizeBytes);
  await file.truncate(end);
  return sizeBytes - end;
};

/** Cuts back what follows the last newline. Answers how many bytes that were; 0 when the file is missing. */
export const cutTornTail = async (filePath: string): Promise<number> => {
  const file = await open(filePath, 'r+').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return 0;
  try {
    return await cutTail(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
};

const writeAll = async (
  file: FileHandle,
  lines: Buffer,
): Promise<{ readonly written: number; readonly fault: unknown }> => {
  let written = 0;
  try {
    while (written < lines.length) {
      const { bytesWritten } = await file.write(lines, written, lines.length - written, null);
      written += bytesWritten;
    }
    return { written, fault: undefined };
  } catch (fault) {
    return { written, fault };
  }
};

/**
 * Appends lines to a file that it makes when it is missing (0600). The caller
 * holds the lock by which writers of the file exclude each other. What a full
 * disk lets through is cut back to whole lines; should the cut itself fail, the
 * next append finds the torn tail and cuts it.
 */
export const appendLines = async (options: AppendOptions): Promise<Appended> => {
  let bytes = 0;
  let tornBytes = 0;
  let madeFile = false;
  let file: FileHandle | undefined;
  try {
    file = await open(options.file, 'a+', 0o600);
    const { size } = await file.stat();
    madeFile = size === 0;
    tornBytes = await cutTail(file, size);
    const start = size - tornBytes;
    await options.beforeWrite?.(start);
    const { written, fault } = await writeAll(file, options.lines);
    bytes =
      written === options.lines.length
        ? written
        : options.lines.subarray(0, written).lastIndexOf(NEWLINE) + 1;
    if (bytes < written) await file.truncate(start + bytes);
    if (fault !== undefined) throw fault;
    if (options.sync) await file.datasync();
    return { bytes, tornBytes, fault: undefined, madeFile };
  } catch (fault) {
    return { bytes, tornBytes, fault, madeFile };
  } finally {
    await file?.close().catch(() => undefined);
  }
};

/** Has a file's data on the disk when it resolves. Answers false for one that is gone and needs nothing. */
export const syncFile = async (filePath: string): Promise<boolean> => {
  const file = await open(filePath, 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    await file.datasync();
    return true;
  } finally {
    await file.close();
  }
};

/** The same for the names in the file's folder: a file that was just made could else be gone after a power cut. */
export const syncFolderOf = async (filePath: string): Promise<void> => {
  const folder = await open(path.dirname(filePath), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};
