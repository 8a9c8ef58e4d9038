import { constants } from 'node:fs';
import { access, lstat, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Effect, FileEffects } from '#core/effects';
import { AppError } from '#core/errors';
import { hasErrorCode } from './file-replacement.ts';

export interface RecordingFileEffectsOptions {
  /** Paths are recorded relative to it, with forward slashes. */
  readonly repoRoot: string;
  record(effect: Effect): void;
}

const nearestExisting = async (directory: string): Promise<string> => {
  for (let at = directory; ; at = path.dirname(at)) {
    try {
      await lstat(at);
      return at;
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT') && !hasErrorCode(error, 'ENOTDIR')) throw error;
      if (at === path.dirname(at)) throw error;
    }
  }
};

const sizeOf = async (file: string): Promise<number | undefined> => {
  try {
    const found = await lstat(file);
    return found.size;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/**
 * Touches nothing. An operation that could not be done (no right to write, no
 * space, something else in its place) throws `unavailable` with the reason, so
 * that a dry-run can say what would fail.
 */
export const createRecordingFileEffects = (options: RecordingFileEffectsOptions): FileEffects => {
  const shown = (file: string): string =>
    path
      .relative(options.repoRoot, path.resolve(options.repoRoot, file))
      .split(path.sep)
      .join('/') || '.';

  const assertDirectoryTakes = async (directory: string, bytes: number): Promise<void> => {
    const existing = await nearestExisting(directory);
    if (!(await stat(existing)).isDirectory()) {
      throw new AppError('unavailable', `${shown(existing)} is not a directory.`);
    }
    try {
      await access(existing, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new AppError('unavailable', `${shown(existing)} is not writable.`, { cause: error });
    }
    const { bavail, bsize } = await statfs(existing);
    if (bavail * bsize < bytes) {
      throw new AppError(
        'unavailable',
        `${shown(existing)} has ${bavail * bsize} bytes left, ${bytes} are needed.`,
      );
    }
  };

  const assertRegularOrMissing = async (file: string): Promise<void> => {
    const found = await lstat(file).catch((error: unknown) => {
      if (hasErrorCode(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (found !== undefined && !found.isFile()) {
      throw new AppError('unavailable', `${shown(file)} exists and is not a regular file.`);
    }
  };

  const written = new Set<string>();
  const recordWrite = async (effect: string, file: string, bytes: number): Promise<void> => {
    await assertDirectoryTakes(path.dirname(file), bytes);
    await assertRegularOrMissing(file);
    // A file that a run writes again and again is told once.
    if (written.has(file)) return;
    written.add(file);
    options.record({ effect, path: shown(file), bytes });
  };

  return {
    write: (effect, file, content) => recordWrite(effect, file, Buffer.byteLength(content)),
    async place(source, file) {
      const { size } = await stat(source);
      await recordWrite('write_file', file, size);
    },
    async remove(file) {
      const bytes = await sizeOf(file);
      if (bytes === undefined) return;
      await assertDirectoryTakes(path.dirname(file), 0);
      options.record({ effect: 'delete_file', path: shown(file), bytes });
    },
    async compress(file) {
      const bytes = await sizeOf(file);
      if (bytes === undefined) {
        throw new AppError('unavailable', `${shown(file)} does not exist.`);
      }
      await assertRegularOrMissing(file);
      // The copy stands beside the original until it is proved; it is smaller, by how much is not known yet.
      await assertDirectoryTakes(path.dirname(file), bytes);
      options.record({ effect: 'compress_file', path: shown(file), bytes });
    },
  };
};
