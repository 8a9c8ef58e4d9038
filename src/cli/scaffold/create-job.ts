import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';
import { addRegistryEntry } from './add-registry-entry.ts';
import { jobSource, jobTestSource, registryEntry } from './job-template.ts';

export interface NewJob {
  /** The checkout: the folder with `jobs/` and `registry/`. */
  readonly root: string;
  readonly name: string;
}

export interface CreatedJob {
  readonly name: string;
  readonly taskId: string;
  /** Relative to the checkout, with forward slashes. */
  readonly files: readonly string[];
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
// Queue and scheduler keys carry the name.
const MAX_NAME_LENGTH = 60;

const REGISTRY = 'registry/task_registry.yml';

const checkName = (name: string): void => {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH)
    throw new AppError(
      'invalid_input',
      `"${name}" is not a job name: accepted are up to ${MAX_NAME_LENGTH} lower-case letters and digits in words joined by dashes, such as queue-age-report`,
    );
};

/** The folder is what makes a name taken: of two commands at once, one gets it. */
const claimFolder = async (folder: string, name: string): Promise<void> => {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new AppError('conflict', `jobs/${name} exists already`, { cause: error });
  }
};

const replaceFile = async (file: string, content: string): Promise<void> => {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, file);
};

/**
 * Writes `jobs/<name>/job.ts`, its test and an entry of the registry, and
 * touches nothing else; after a failure none of them is left. Throws
 * `invalid_input` (a bad name), `conflict` (a taken one), `invalid_registry`.
 */
export const createJob = async ({ root, name }: NewJob): Promise<CreatedJob> => {
  checkName(name);
  if (!existsSync(path.join(root, 'src')))
    throw new AppError(
      'invalid_configuration',
      'new-job works in a checkout of Opsloop; this is an installed package',
    );
  const taskId = name.replaceAll('-', '_');
  const registryFile = path.join(root, ...REGISTRY.split('/'));
  const folder = path.join(root, 'jobs', name);
  await claimFolder(folder, name);
  try {
    await writeFile(path.join(folder, 'job.ts'), jobSource());
    await writeFile(path.join(folder, 'job.test.ts'), jobTestSource(name));
    const registry = await readFile(registryFile, 'utf8');
    await replaceFile(
      registryFile,
      addRegistryEntry(registry, taskId, registryEntry(name, taskId)),
    );
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return { name, taskId, files: [`jobs/${name}/job.ts`, `jobs/${name}/job.test.ts`, REGISTRY] };
};
