import { createReadStream } from 'node:fs';
import { type FileHandle, lstat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Fence, FileAccess, FileEffects } from '#core/effects';
import { hasErrorCode, makeDirectory, replaceFile, syncDirectory } from './file-replacement.ts';
import { assertUnchanged, writeVerifiedGzip } from './gzip-replacement.ts';

export interface LiveFileEffectsOptions {
  /** Asked before each step that others can see. */
  readonly fence: Fence;
  /** Default 0644. */
  readonly fileMode?: number;
  /** Of directories that are missing. Default 0755. */
  readonly directoryMode?: number;
}

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

const removeDurably = async (file: string): Promise<void> => {
  try {
    await unlink(file);
  } catch (error) {
    // Another process, or an attempt before this one, did it already.
    if (hasErrorCode(error, 'ENOENT')) return;
    throw error;
  }
  await syncDirectory(path.dirname(file));
};

/** Acts on the disk. Each operation is durable when it resolves. */
export const createLiveFileEffects = (options: LiveFileEffectsOptions): FileEffects => {
  const { fence } = options;
  const replace = async (
    file: string,
    access: FileAccess,
    fill: (handle: FileHandle) => Promise<void>,
  ): Promise<void> => {
    const isPrivate = access === 'private';
    await fence.assertHeld();
    await makeDirectory(
      path.dirname(file),
      isPrivate ? PRIVATE_DIRECTORY : (options.directoryMode ?? 0o755),
    );
    await replaceFile({
      file,
      mode: isPrivate ? PRIVATE_FILE : (options.fileMode ?? 0o644),
      fill,
      beforeRename: () => fence.assertHeld(),
    });
  };
  return {
    write: (_effect, file, content, access = 'public') =>
      replace(file, access, (handle) => handle.writeFile(content)),
    place: (source, file, access = 'public') =>
      replace(file, access, async (handle) => {
        for await (const chunk of createReadStream(source)) await handle.writeFile(chunk as Buffer);
      }),
    async remove(file) {
      await fence.assertHeld();
      await removeDurably(file);
    },
    async compress(file, guard = (removeOriginal) => removeOriginal()) {
      await fence.assertHeld();
      const mode = (await lstat(file)).mode & 0o777;
      const original = await writeVerifiedGzip({
        file,
        mode,
        beforeRename: () => fence.assertHeld(),
      });
      await guard(async () => {
        await fence.assertHeld();
        assertUnchanged(original, await lstat(file));
        await removeDurably(file);
      });
    },
  };
};
