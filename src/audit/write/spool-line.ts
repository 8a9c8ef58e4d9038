import { open } from 'node:fs/promises';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** The line that starts at a byte of a file, newline included. */
export const lineAt = async (filePath: string, offset: number): Promise<Buffer> => {
  const file = await open(filePath, 'r');
  try {
    const parts: Buffer[] = [];
    for (let at = offset; ; ) {
      const block = Buffer.allocUnsafe(BLOCK_BYTES);
      const { bytesRead } = await file.read(block, 0, block.length, at);
      const newline = block.subarray(0, bytesRead).indexOf(NEWLINE);
      if (newline >= 0 || bytesRead === 0) {
        return Buffer.concat([...parts, block.subarray(0, newline + 1)]);
      }
      parts.push(block.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
};
