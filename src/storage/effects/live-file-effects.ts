import { lstat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Fence, FileEffects } from '#core/effects';
import { hasErrorCode, makeDirectory, replaceFile, syncDirectory } from './file-replacement.ts';
import { writeVerifiedGzip } from './gzip-replacement.ts';

export interface LiveFileEffectsOptions {
  /** Asked before each step that others can see. */
  readonly fence: Fence;
  /** Default 0644. */
  readonly fileMode?: number;
  /** Of directories that are missing. Default 0755. */
  readonly directoryMode?: number;
}

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
  const fileMode = options.fileMode ?? 0o644;
  return {
    async write(_effect, file, content) {
      await fence.assertHeld();
      await makeDirectory(path.dirname(file), options.directoryMode ?? 0o755);
      await replaceFile({
        file,
        mode: fileMode,
        fill: (handle) => handle.writeFile(content),
        beforeRename: () => fence.assertHeld(),
      });
    },
    async remove(file) {
      await fence.assertHeld();
      await removeDurably(file);
    },
    async compress(file) {
      await fence.assertHeld();
      const mode = (await lstat(file)).mode & 0o777;
      await writeVerifiedGzip({ file, mode, beforeRename: () => fence.assertHeld() });
      await fence.assertHeld();
      await removeDurably(file);
    },
  };
};
