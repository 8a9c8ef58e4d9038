import { stat } from 'node:fs/promises';
import type { FileEffects } from '#core/effects';
import { AppError, messageOf } from '#core/errors';
import type { AuditFileRetention, RetentionOutcome } from '../audit-store.ts';
import { isAdopted } from '../files/audit-directory.ts';
import { type AuditFile, dayOf, listAuditFiles } from '../files/audit-files.ts';
import { parquetShortfall } from './parquet-coverage.ts';

export interface AuditFileRetentionOptions {
  readonly directory: string;
  readonly tempDir: string;
  readonly files: FileEffects;
}

const DAY_MS = 86_400_000;

/**
 * Days on which a writer may still append, whatever the retention says: today
 * and yesterday, and tomorrow's for events whose offset is ahead of UTC.
 */
const firstOpenDay = (now: Date): string => dayOf(new Date(now.getTime() - DAY_MS));

const sizeOf = async (file: string): Promise<number> =>
  stat(file).then(
    (found) => found.size,
    () => 0,
  );

const listOwn = async (directory: string): Promise<readonly AuditFile[]> => {
  try {
    return await listAuditFiles(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
};

class Tally {
  private deletedFiles = 0;
  private compressedFiles = 0;
  private freedBytes = 0;
  private readonly kept: { file: string; reason: string }[] = [];

  keep(file: string, reason: string): void {
    this.kept.push({ file, reason });
  }

  deleted(bytes: number): void {
    this.deletedFiles += 1;
    this.freedBytes += bytes;
  }

  compressed(bytes: number): void {
    this.compressedFiles += 1;
    this.freedBytes += Math.max(0, bytes);
  }

  outcome(): RetentionOutcome {
    return {
      deletedFiles: this.deletedFiles,
      compressedFiles: this.compressedFiles,
      freedBytes: this.freedBytes,
      kept: this.kept,
    };
  }
}

const ageFile = async (
  file: AuditFile,
  shortfall: string | undefined,
  files: FileEffects,
  tally: Tally,
): Promise<void> => {
  const sizeBytes = await sizeOf(file.path);
  if (shortfall === undefined) {
    await files.remove(file.path);
    tally.deleted(sizeBytes);
    return;
  }
  if (file.form === 'gzip') {
    tally.keep(file.name, shortfall);
    return;
  }
  const archive = `${file.path}.gz`;
  const before = sizeBytes + (await sizeOf(archive));
  await files.compress(file.path);
  const after = (await sizeOf(file.path)) + (await sizeOf(archive));
  tally.compressed(before - after);
};

/**
 * Ages the daily files of a directory that carries our marker. Parquet files
 * are not touched here. A file that cannot be dealt with is kept with the
 * reason and does not keep the others from their turn. In a dry-run
 * `freedBytes` counts deletions only: what compressing saves is not known before.
 */
export const createAuditFileRetention = (
  options: AuditFileRetentionOptions,
): AuditFileRetention => ({
  async apply({ now, retentionDays, signal }) {
    const tally = new Tally();
    const expiredBefore = dayOf(new Date(now.getTime() - retentionDays * DAY_MS));
    const openFrom = firstOpenDay(now);
    const files = await listOwn(options.directory);
    const expired = files.filter(
      ({ day, form }) => form !== 'parquet' && day < expiredBefore && day < openFrom,
    );
    if (!(await isAdopted(options.directory))) {
      for (const file of expired) {
        tally.keep(
          file.name,
          'the directory is not marked as ours; "opsloop audit adopt" allows changes to it',
        );
      }
      return tally.outcome();
    }
    for (const day of new Set(expired.map((file) => file.day))) {
      signal.throwIfAborted();
      const ofDay = files.filter((file) => file.day === day && file.isRegularFile);
      const shortfall = await parquetShortfall({
        files: ofDay,
        tempDir: options.tempDir,
        signal,
      });
      for (const file of expired.filter((candidate) => candidate.day === day)) {
        if (!file.isRegularFile) {
          tally.keep(file.name, file.isSymbolicLink ? 'is a symbolic link' : 'is not a file');
          continue;
        }
        try {
          await ageFile(file, shortfall, options.files, tally);
        } catch (error) {
          signal.throwIfAborted();
          // Ours says something about the run as a whole, such as a lost lease; others are about this file.
          if (error instanceof AppError) throw error;
          tally.keep(file.name, messageOf(error));
        }
      }
    }
    return tally.outcome();
  },
});
