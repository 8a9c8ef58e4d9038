import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { currentProcess, formatIdentity, isRunning, parseIdentity } from './process-identity.ts';

/**
 * Who uses the server: one empty file per user, named after its process. Only
 * called under the start-up lock, so counting and leaving are one step.
 */
export interface Attachment {
  leave(): Promise<void>;
}

export const attach = async (directory: string): Promise<Attachment> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const name = `${formatIdentity(currentProcess())}_${randomBytes(4).toString('hex')}`;
  const file = path.join(directory, name);
  await writeFile(file, '', { flag: 'wx', mode: 0o600 });
  return { leave: () => rm(file, { force: true }) };
};

/** None when somebody deleted the data directory under us. */
const listFiles = async (directory: string): Promise<readonly string[]> => {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
};

/** How many living users are attached; files of dead ones are removed. */
export const countAttached = async (directory: string): Promise<number> => {
  let living = 0;
  for (const file of await listFiles(directory)) {
    const user = parseIdentity(file);
    if (user !== null && isRunning(user)) living += 1;
    else await rm(path.join(directory, file), { force: true });
  }
  return living;
};
