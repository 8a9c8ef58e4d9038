import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Settings } from '#config/settings';
import { AppError } from '#core/errors';
import type { JsonSchema } from '#core/json';
import { checkJobs } from '#registry/check-jobs';
import { parseRegistry } from '#registry/parse-registry';
import type { Registry } from '#registry/task';
import { createTaskCatalog, type TaskCatalog } from '#runner/task-catalog';
import { loadJobs } from './load-jobs.ts';

const loadRegistry = async (settings: Settings): Promise<Registry> => {
  const file = path.relative(settings.repoRoot, settings.registryFile);
  const label = file.startsWith('..') ? settings.registryFile : file;
  let text: string;
  try {
    text = await readFile(settings.registryFile, 'utf8');
  } catch (error) {
    throw new AppError('invalid_registry', `${label} cannot be read`, { cause: error });
  }
  return parseRegistry({ file: label, text });
};

/** The registry joined with its jobs; throws `invalid_registry` with every mismatch of either side. */
export const loadCatalog = async (
  settings: Settings,
): Promise<{ readonly registry: Registry; readonly catalog: TaskCatalog }> => {
  const [registry, jobs] = await Promise.all([loadRegistry(settings), loadJobs(settings.jobsDir)]);
  checkJobs(
    registry,
    [...jobs].map(([name, job]) => ({
      name,
      inputs: job.inputs as unknown as JsonSchema,
      reads: job.reads,
    })),
  );
  return { registry, catalog: createTaskCatalog(registry, jobs) };
};
