import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export type TextFile =
  | { readonly outcome: 'text'; readonly text: string }
  | { readonly outcome: 'binary' | 'too_large' | 'unreadable' };

/** Of these first bytes a NUL says that the rest is no text either; git decides by as many. */
const LOOKED_AT_BYTES = 8_000;

/**
 * Reads a file as UTF-8. It may have been replaced since it was listed: a link
 * is not followed, and no more than `maxBytes` are taken into memory.
 */
export const readTextFile = async (file: string, maxBytes: number): Promise<TextFile> => {
  const handle = await open(
    file,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch(() => undefined);
  if (handle === undefined) return { outcome: 'unreadable' };
  try {
    const found = await handle.stat();
    if (!found.isFile()) return { outcome: 'unreadable' };
    if (found.size > maxBytes) return { outcome: 'too_large' };
    const buffer = Buffer.allocUnsafe(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length > maxBytes) return { outcome: 'too_large' };
    const content = buffer.subarray(0, length);
    if (content.subarray(0, LOOKED_AT_BYTES).includes(0)) return { outcome: 'binary' };
    return { outcome: 'text', text: content.toString('utf8') };
  } catch {
    return { outcome: 'unreadable' };
  } finally {
    await handle.close();
  }
};
