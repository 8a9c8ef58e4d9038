import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';

const isFile = async (file: string): Promise<boolean> => {
  try {
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
};

/** The file that holds a job's code: source in a checkout, compiled in `dist/`. Null when there is none. */
export const findJobFile = async (jobsDir: string, name: string): Promise<string | null> => {
  for (const candidate of ['job.js', 'job.ts']) {
    const file = path.join(jobsDir, name, candidate);
    if (await isFile(file)) return file;
  }
  return null;
};

/**
 * Names of the folders below `jobsDir` that hold a job, sorted. Throws
 * `invalid_registry` when the folder itself cannot be read.
 */
export const discoverJobNames = async (jobsDir: string): Promise<readonly string[]> => {
  let names: string[];
  try {
    const entries = await readdir(jobsDir, { withFileTypes: true });
    names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new AppError('invalid_registry', `the folder of jobs cannot be read (${code})`, {
      cause,
    });
  }
  const found = await Promise.all(
    names.map(async (name) => ((await findJobFile(jobsDir, name)) === null ? [] : [name])),
  );
  return found.flat().sort();
};
