import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';

const BLOCK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** What DuckDB's line reader would misread: it splits at 0x01 and at a lone carriage return, and stops at NUL. */
const MISREAD_BYTES = [0x00, 0x01, 0x0d] as const;

export interface LineFileState {
  readonly sizeBytes: number;
  /**
   * Every line ends in a newline, is UTF-8, free of the bytes above and short
   * enough, so that the file can be read as lines of text where it stands.
   */
  readonly isClean: boolean;
}

const hasMisreadByte = (block: Buffer): boolean =>
  MISREAD_BYTES.some((byte) => block.includes(byte));

const readFrom = async (file: FileHandle, block: Buffer, filledBytes: number): Promise<number> => {
  const { bytesRead } = await file.read(block, filledBytes, block.length - filledBytes, null);
  return bytesRead;
};

/**
 * Reads the whole file once, at the speed of the page cache. A block without a
 * newline means a line longer than the block, which counts as not clean.
 */
export const inspectLineFile = async (
  filePath: string,
  signal: AbortSignal,
): Promise<LineFileState> => {
  const file = await open(filePath, 'r');
  try {
    const block = Buffer.allocUnsafe(2 * BLOCK_BYTES);
    let carriedBytes = 0;
    let sizeBytes = 0;
    for (;;) {
      signal.throwIfAborted();
      const readBytes = await readFrom(file, block, carriedBytes);
      sizeBytes += readBytes;
      const filled = block.subarray(0, carriedBytes + readBytes);
      if (readBytes === 0) return { sizeBytes, isClean: carriedBytes === 0 };
      const end = filled.lastIndexOf(NEWLINE) + 1;
      const lines = filled.subarray(0, end);
      if (hasMisreadByte(lines) || !isUtf8(lines)) return { sizeBytes, isClean: false };
      carriedBytes = filled.length - end;
      if (carriedBytes >= BLOCK_BYTES) return { sizeBytes, isClean: false };
      filled.copy(block, 0, end);
    }
  } finally {
    await file.close();
  }
};
