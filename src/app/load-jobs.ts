import { pathToFileURL } from 'node:url';
import type { JobDefinition } from '#job-kit/job';
import { discoverJobNames, findJobFile } from '#registry/discover-jobs';

/** Imports the job of every folder; each exports `job`. */
export const loadJobs = async (directory: string): Promise<ReadonlyMap<string, JobDefinition>> => {
  const jobs = new Map<string, JobDefinition>();
  for (const name of await discoverJobNames(directory)) {
    const file = await findJobFile(directory, name);
    if (file === null) continue;
    const module = (await import(pathToFileURL(file).href)) as { job?: JobDefinition };
    if (module.job === undefined) throw new Error(`jobs/${name}/job does not export "job"`);
    jobs.set(name, module.job);
  }
  return jobs;
};
