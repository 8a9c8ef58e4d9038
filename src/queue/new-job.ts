import type { JobsOptions } from 'bullmq';
import { AppError } from '#core/errors';
import type { JsonObject } from '#core/json';
import { findUnstorable } from '#core/storable-text';
import { CUSTOM_BACKOFF } from './disposition.ts';
import { checkId } from './queue-names.ts';
import type { NewQueueJob } from './queue-port.ts';

/** Throws `invalid_input` for data that only one of the engines could keep. */
export const checkData = (data: JsonObject): void => {
  const violations = findUnstorable(data);
  if (violations.length > 0)
    throw new AppError('invalid_input', 'the job data holds text that queues cannot keep', {
      violations,
    });
};

/** Throws `invalid_input` for what an engine would refuse or take for something else. */
export const checkJob = (job: NewQueueJob): void => {
  checkId('The queue job id', job.jobId);
  checkData(job.data);
};

/** The job in BullMQ's terms. */
export const toBullJob = (
  job: NewQueueJob,
): { readonly name: string; readonly data: JsonObject; readonly opts: JobsOptions } => ({
  name: job.name,
  data: job.data,
  opts: {
    jobId: job.jobId,
    attempts: job.attempts,
    backoff: CUSTOM_BACKOFF,
    ...(job.delayMs === undefined ? {} : { delay: Math.max(0, Math.round(job.delayMs)) }),
  },
});
