import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isProcessAlive } from '#core/process-alive';

const SESSION_FOLDER = /^duckdb-(\d+)-/;

/** Removes what analytics sessions of processes that were killed left in the scratch directory. */
export const purgeScratch = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    const pid = Number(SESSION_FOLDER.exec(name)?.[1] ?? Number.NaN);
    if (Number.isInteger(pid) && !isProcessAlive(pid))
      await rm(path.join(directory, name), { recursive: true, force: true });
  }
};
