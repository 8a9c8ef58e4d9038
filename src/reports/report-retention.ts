import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FileEffects } from '#core/effects';
import type { ReportRetention } from '#job-kit/stores';

export interface ReportRetentionOptions {
  /** Root of the reports. */
  readonly directory: string;
  readonly files: FileEffects;
}

const DAY_MS = 86_400_000;
/** What a report is made of; anything else in the folder is somebody's own. */
const REPORT_FILE = /\.(json|md|svg)$/;

const list = async (directory: string): Promise<readonly Dirent[]> => {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
};

/** Every report file below the directory, in order of its path; links are not followed. */
const listReports = async (directory: string): Promise<readonly string[]> => {
  const files: string[] = [];
  for (const entry of await list(directory)) {
    const place = path.join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(await listReports(place)));
    else if (entry.isFile() && REPORT_FILE.test(entry.name)) files.push(place);
  }
  return files.sort();
};

/** Ages reports by when their files were written, which a report made again renews. */
export const createReportRetention = ({
  directory,
  files,
}: ReportRetentionOptions): ReportRetention => ({
  async removeOlder({ now, retentionDays, signal }) {
    const limit = now.getTime() - retentionDays * DAY_MS;
    let [deletedFiles, freedBytes] = [0, 0];
    for (const file of await listReports(directory)) {
      signal.throwIfAborted();
      const { mtimeMs, size } = await lstat(file);
      if (mtimeMs >= limit) continue;
      await files.remove(file);
      deletedFiles += 1;
      freedBytes += size;
    }
    return { deletedFiles, freedBytes };
  },
});
