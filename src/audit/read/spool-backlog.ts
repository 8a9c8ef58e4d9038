import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isMissingFile } from '#core/errors';
import { jsonlName } from '../files/audit-files.ts';
import { countLinesFrom } from '../write/spool-batch.ts';
import { listSpooledDays, readSidecar } from '../write/spool-sidecar.ts';

const countDay = async (directory: string, day: string): Promise<number> => {
  const found = await readSidecar(directory, day);
  if (found.state !== 'found') return 0;
  const file = path.join(directory, jsonlName(day));
  try {
    const { size } = await stat(file);
    const { confirmedBytes } = found.sidecar;
    return size <= confirmedBytes ? 0 : await countLinesFrom(file, confirmedBytes);
  } catch (error) {
    // Forwarded to its end meanwhile.
    if (isMissingFile(error)) return 0;
    throw error;
  }
};

/** How many events of a directory's spool are not known to be in PostgreSQL. Changes nothing. */
export const countSpooledEvents = async (directory: string): Promise<number> => {
  let count = 0;
  for (const day of await listSpooledDays(directory)) count += await countDay(directory, day);
  return count;
};
