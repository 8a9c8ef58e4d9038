import type { JobExecutor } from '#runner/execute/job-executor';
import { createInProcessExecutor, type JobWorld } from './execute-job.ts';
import { createIsolatedExecutor } from './isolation/isolated-executor.ts';

/** In this process, or in a child for tasks that ask for one. */
export const createJobExecutor = (
  world: JobWorld,
  isolation: { readonly dsn: string },
): JobExecutor => {
  const inProcess = createInProcessExecutor(world);
  const isolated = createIsolatedExecutor({ ...world, ...isolation });
  return (attempt) => (attempt.entry.task.isolate ? isolated(attempt) : inProcess(attempt));
};
