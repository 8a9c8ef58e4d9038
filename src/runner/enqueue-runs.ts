import { hasCode } from '#core/errors';
import type { QueueEngine } from '#queue/queue-port';
import { toQueueData } from './queue-data.ts';
import type { Run } from './run.ts';

/** A run that is in the ledger and wants its queue job, which has the run's id. */
export interface RunToEnqueue {
  readonly run: Run;
  readonly queueName: string;
  /** Upper bound of the engine's own attempts. */
  readonly attempts: number;
}

/** Makes the queue jobs of runs that the ledger started. While the queue is away they get them from recovery. */
export const enqueueRuns = async (
  queue: Pick<QueueEngine, 'enqueueMany'>,
  runs: readonly RunToEnqueue[],
): Promise<void> => {
  try {
    await queue.enqueueMany(
      runs.map(({ run, queueName, attempts }) => ({
        queueName,
        jobId: run.id,
        name: run.taskId,
        data: toQueueData(run),
        attempts,
      })),
    );
  } catch (error) {
    if (!hasCode(error, 'unavailable')) throw error;
  }
};
