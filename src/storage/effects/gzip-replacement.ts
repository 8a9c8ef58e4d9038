import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { gunzipFile } from '../jsonl/gunzip-file.ts';
import { hasErrorCode, replaceFile } from './file-replacement.ts';

const BLOCK_BYTES = 1024 * 1024;

async function* readOpened(handle: FileHandle): AsyncGenerator<Buffer> {
  let position = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(
      Buffer.allocUnsafe(BLOCK_BYTES),
      0,
      BLOCK_BYTES,
      position,
    );
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* tapped(source: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** SHA-256 of what the archive holds, and of its last `tailBytes` alone. */
const digestArchive = async (
  archive: string,
  tailBytes: number,
): Promise<{ whole: string; tail: string; sizeBytes: number } | undefined> => {
  let sizeBytes = 0;
  try {
    for await (const chunk of gunzipFile(archive)) sizeBytes += chunk.length;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const whole = createHash('sha256');
  const tail = createHash('sha256');
  let position = 0;
  for await (const chunk of gunzipFile(archive)) {
    whole.update(chunk);
    const tailStart = Math.max(0, sizeBytes - tailBytes - position);
    if (tailStart < chunk.length) tail.update(chunk.subarray(tailStart));
    position += chunk.length;
  }
  return { whole: whole.digest('hex'), tail: tail.digest('hex'), sizeBytes };
};

const writeAll = async (target: FileHandle, chunks: AsyncIterable<unknown>): Promise<void> => {
  for await (const chunk of chunks) if (Buffer.isBuffer(chunk)) await target.writeFile(chunk);
};

/** What tells whether somebody wrote to a file. */
export interface FileState {
  readonly size: number;
  readonly mtimeMs: number;
}

/** Throws when a file is no longer what it was. */
export const assertUnchanged = (before: FileState, after: FileState): void => {
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw changedError();
};

export interface GzipReplacement {
  readonly file: string;
  readonly mode: number;
  beforeRename(): Promise<void>;
}

/**
 * Puts the content of `file` into `file.gz` and proves it by reading it back.
 * An archive that is there already gets the content as a further member, unless
 * it ends in that content: then an earlier attempt was stopped just before it
 * removed the original. Throws when the original changed meanwhile. The
 * original is left in place for the caller to remove, once it looked again
 * whether it is still what is answered here.
 */
export const writeVerifiedGzip = async (replacement: GzipReplacement): Promise<FileState> => {
  const archive = `${replacement.file}.gz`;
  const original = await open(replacement.file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const before = await original.stat();
    if (!before.isFile()) throw new Error('only regular files are compressed');
    const content = createHash('sha256');
    for await (const chunk of readOpened(original)) content.update(chunk);
    const contentDigest = content.digest('hex');
    const existing = await digestArchive(archive, before.size);
    const isAlreadyIn =
      existing !== undefined &&
      existing.sizeBytes >= before.size &&
      existing.tail === contentDigest;
    if (!isAlreadyIn) {
      await replaceFile({
        file: archive,
        mode: replacement.mode,
        fill: async (target, tempFile) => {
          if (existing !== undefined) await writeAll(target, createReadStream(archive));
          const written = createHash('sha256');
          const gzip = createGzip({ level: 6 });
          await writeAll(target, Readable.from(tapped(readOpened(original), written)).pipe(gzip));
          if (written.digest('hex') !== contentDigest) throw changedError();
          await target.sync();
          const check = await digestArchive(tempFile, before.size);
          const expectedBytes = before.size + (existing?.sizeBytes ?? 0);
          if (check?.tail !== contentDigest || check.sizeBytes !== expectedBytes) {
            throw new Error('the compressed copy does not hold the content of the original');
          }
        },
        beforeRename: () => replacement.beforeRename(),
      });
    }
    assertUnchanged(before, await original.stat());
    return before;
  } finally {
    await original.close();
  }
};

const changedError = (): Error =>
  new Error('the file changed while it was compressed; it was kept');
