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

/** The registry file as it was read. */
export interface RegistrySource {
  /** The name that faults carry: relative to REPO_ROOT where it lies below. */
  readonly file: string;
  readonly text: string;
}

export interface LoadedCatalog {
  readonly source: RegistrySource;
  readonly registry: Registry;
  readonly catalog: TaskCatalog;
}

/** Throws `invalid_registry` when it cannot be read. */
export const readRegistry = async (settings: Settings): Promise<RegistrySource> => {
  const relative = path.relative(settings.repoRoot, settings.registryFile);
  const file = relative.startsWith('..') ? settings.registryFile : relative;
  try {
    return { file, text: await readFile(settings.registryFile, 'utf8') };
  } catch (error) {
    throw new AppError('invalid_registry', `${file} cannot be read`, {
      cause: error,
      violations: [{ path: file, message: 'cannot be read' }],
    });
  }
};

/** The registry joined with its jobs; throws `invalid_registry` with every mismatch of either side. */
export const joinCatalog = async (
  settings: Settings,
  source: RegistrySource,
): Promise<LoadedCatalog> => {
  const registry = parseRegistry(source);
  const jobs = await loadJobs(settings.jobsDir);
  checkJobs(
    registry,
    [...jobs].map(([name, job]) => ({
      name,
      inputs: job.inputs as unknown as JsonSchema,
      reads: job.reads,
    })),
  );
  return { source, registry, catalog: createTaskCatalog(registry, jobs) };
};

/** Reads and joins. */
export const loadCatalog = async (settings: Settings): Promise<LoadedCatalog> =>
  joinCatalog(settings, await readRegistry(settings));
