import { pathToFileURL } from 'node:url';
import { AppError } from '#core/errors';
import type { JobDefinition } from '#job-kit/job';
import { discoverJobNames, findJobFile } from '#registry/discover-jobs';

/**
 * Imports the job of one folder, which exports `job`. Node keeps what it
 * imported once, and a failure too: changed code counts from the next start.
 */
export const loadJob = async (directory: string, name: string): Promise<JobDefinition> => {
  const file = await findJobFile(directory, name);
  if (file === null) throw new AppError('invalid_registry', `there is no job jobs/${name}/job`);
  const module = (await import(pathToFileURL(file).href)) as { job?: JobDefinition };
  if (module.job === undefined) throw new Error(`jobs/${name}/job does not export "job"`);
  return module.job;
};

/** Imports the job of every folder. */
export const loadJobs = async (directory: string): Promise<ReadonlyMap<string, JobDefinition>> => {
  const jobs = new Map<string, JobDefinition>();
  for (const name of await discoverJobNames(directory))
    jobs.set(name, await loadJob(directory, name));
  return jobs;
};
