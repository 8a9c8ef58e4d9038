import { open } from 'node:fs/promises';

const NEWLINE = 0x0a;
const PROBE_BYTES = 4096;

/**
 * Whether a file may hold a line longer than `maxBytes`: such a line covers a
 * whole block of half that size, and a block's beginning mostly shows a
 * newline, so that little of the file is read. False is certain, true is not.
 */
export const mayHoldLongLine = async (
  filePath: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<boolean> => {
  const blockBytes = Math.floor(maxBytes / 2);
  const file = await open(filePath, 'r');
  try {
    const { size } = await file.stat();
    const block = Buffer.allocUnsafe(blockBytes);
    for (let start = 0; start + blockBytes <= size; start += blockBytes) {
      signal.throwIfAborted();
      const probe = await file.read(block, 0, PROBE_BYTES, start);
      if (block.subarray(0, probe.bytesRead).includes(NEWLINE)) continue;
      const whole = await file.read(block, 0, blockBytes, start);
      if (!block.subarray(0, whole.bytesRead).includes(NEWLINE)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
};
