import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JobDefinition } from '#job-kit/job';

/** Imports `<name>/job.js` (or `job.ts` from source) of every folder; each exports `job`. */
export const loadJobs = async (directory: string): Promise<ReadonlyMap<string, JobDefinition>> => {
  const jobs = new Map<string, JobDefinition>();
  for (const name of readdirSync(directory).sort()) {
    const file = ['job.js', 'job.ts']
      .map((base) => path.join(directory, name, base))
      .find((candidate) => existsSync(candidate));
    if (file === undefined) continue;
    const module = (await import(pathToFileURL(file).href)) as { job?: JobDefinition };
    if (module.job === undefined) throw new Error(`jobs/${name}/job does not export "job"`);
    jobs.set(name, module.job);
  }
  return jobs;
};
