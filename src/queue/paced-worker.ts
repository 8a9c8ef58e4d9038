import { type IQueueBackend, type Job, type JobProgress, Worker, type WorkerOptions } from 'bullmq';
import type { Clock } from '#core/clock';
import type { BullConnection } from './bull-connection.ts';
import { ENGINE_RETRY_DELAY_MS } from './engine-limits.ts';

export type BullJob = Job<unknown, unknown, string, JobProgress>;

/**
 * BullMQ's worker, which after a failed fetch asks again at once unless the
 * error is ECONNREFUSED: an engine that starts up, is full or reads only would
 * be asked thousands of times a second. This one waits in between.
 */
export class PacedWorker extends Worker<
  unknown,
  unknown,
  string,
  IQueueBackend,
  JobProgress,
  unknown
> {
  readonly #clock: Clock;

  constructor(
    connection: BullConnection,
    clock: Clock,
    queueName: string,
    processor: (job: BullJob, token: string | undefined) => Promise<unknown>,
    options: Omit<WorkerOptions<unknown>, 'connection' | 'prefix' | 'autorun'>,
  ) {
    super(
      queueName,
      (job, token) => processor(job, token),
      {
        ...options,
        // The factory brings its own; BullMQ asks only that there is something.
        connection: {},
        autorun: false,
        ...(connection.prefix === undefined ? {} : { prefix: connection.prefix }),
      },
      connection.factory,
    );
    this.#clock = clock;
  }

  protected override async moveToActive(
    ...claim: Parameters<Worker['moveToActive']>
  ): Promise<BullJob> {
    try {
      return await super.moveToActive(...claim);
    } catch (error) {
      await this.#clock.sleep(ENGINE_RETRY_DELAY_MS);
      throw error;
    }
  }

  /**
   * Ends timers and connections of a worker whose `close` waits for an engine
   * that is away. Its active jobs are left to the engine, which gives them to
   * another worker.
   */
  async abandon(): Promise<void> {
    await this.lockManager.close();
    await this.backend.close(true);
  }
}
