import type { Clock } from '#core/clock';
import type { JsonObject } from '#core/json';
import { storableJson, storableText } from '#core/storable-text';
import type { BullConnection } from './bull-connection.ts';
import { backoffStrategy, carryOut } from './disposition.ts';
import { settleWithin, withoutPayload } from './engine-error.ts';
import {
  CLOSE_TIMEOUT_MS,
  ENGINE_RETRY_DELAY_MS,
  HANDLER_FAULT_DELAY_MS,
  IDLE_BLOCK_SECONDS,
  KEEP_COMPLETED,
  KEEP_FAILED,
  LOCK_DURATION_MS,
  LOG_LINE_MAX_CHARS,
  LOG_LINES_KEPT,
  MAX_STALLED_COUNT,
  METRICS_MINUTES,
  OPERATION_TIMEOUT_MS,
  STALLED_INTERVAL_MS,
} from './engine-limits.ts';
import { type BullJob, PacedWorker } from './paced-worker.ts';
import type { ConsumeOptions, Consumer, Delivery, Disposition } from './queue-port.ts';
import { lenientStrategy, type SlotStrategy } from './repeat-strategy.ts';
import { scheduledSlotOf } from './scheduled-slot.ts';

interface ActiveDelivery {
  readonly jobId: string;
  readonly abort: AbortController;
  readonly ended: Promise<unknown>;
}

/** One queue's worker in this process. */
export class BullmqConsumer implements Consumer {
  readonly #connection: BullConnection;
  readonly #clock: Clock;
  readonly #options: ConsumeOptions;
  readonly #worker: PacedWorker;
  readonly #active = new Set<ActiveDelivery>();
  readonly #givenUp = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(
    connection: BullConnection,
    clock: Clock,
    options: ConsumeOptions & { readonly strategy: SlotStrategy },
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#options = options;
    this.#worker = new PacedWorker(
      connection,
      clock,
      options.queueName,
      (job, token) => this.#process(job, token),
      {
        name: options.workerName,
        concurrency: options.concurrency,
        lockDuration: LOCK_DURATION_MS,
        stalledInterval: STALLED_INTERVAL_MS,
        maxStalledCount: MAX_STALLED_COUNT,
        drainDelay: IDLE_BLOCK_SECONDS,
        runRetryDelay: ENGINE_RETRY_DELAY_MS,
        removeOnComplete: KEEP_COMPLETED,
        removeOnFail: KEEP_FAILED,
        metrics: { maxDataPoints: METRICS_MINUTES },
        settings: {
          backoffStrategy,
          repeatStrategy: lenientStrategy(options.strategy, (error) => this.#report(error)),
        },
      },
    );
    this.#worker.on('error', (error) => this.#report(error));
    this.#worker.on('lockRenewalFailed', (jobIds) => this.#abort('lock lost', jobIds));
  }

  get activeCount(): number {
    return this.#active.size;
  }

  /** Takes jobs from now on. Rejects, with nothing left behind, when the engine is not there. */
  async start(): Promise<void> {
    try {
      await settleWithin(this.#clock, OPERATION_TIMEOUT_MS, this.#worker.waitUntilReady());
    } catch (error) {
      await this.stop();
      throw error;
    }
    void this.#keepRunning();
  }

  abortActive(reason: string): void {
    this.#abort(reason);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    let closed = false;
    const closing = this.#worker
      .close()
      .catch((error: unknown) => this.#report(error))
      .finally(() => {
        closed = true;
      });
    do {
      await Promise.allSettled([...this.#active].map(({ ended }) => ended));
      await settleWithin(this.#clock, CLOSE_TIMEOUT_MS, closing).catch(() => undefined);
    } while (!closed && this.#active.size > 0);
    this.#givenUp.abort();
    if (!closed) await this.#worker.abandon().catch((error: unknown) => this.#report(error));
  }

  // The loop ends on its own only by a fault in BullMQ, and a silent worker is the worst of all.
  async #keepRunning(): Promise<void> {
    while (this.#stopped === undefined) {
      try {
        await this.#worker.run();
      } catch (error) {
        this.#report(error);
      }
      if (this.#stopped === undefined)
        await this.#clock.sleep(ENGINE_RETRY_DELAY_MS, this.#givenUp.signal);
    }
  }

  async #process(job: BullJob, token: string | undefined): Promise<unknown> {
    const disposition = this.#stopped === undefined ? await this.#deliver(job) : REQUEUE;
    return carryOut(disposition, job, {
      token,
      now: () => this.#clock.now(),
      persist: (step) => this.#persist(step),
      report: (error) => this.#report(error),
    });
  }

  async #deliver(job: BullJob): Promise<Disposition> {
    const jobId = job.id ?? '';
    // The engine gave the job out again while this process still works on it.
    this.#abort('delivered again', [jobId]);
    const abort = new AbortController();
    const work = this.#handle(this.#toDelivery(job, jobId, abort.signal));
    const active: ActiveDelivery = { jobId, abort, ended: work };
    this.#active.add(active);
    try {
      return await work;
    } finally {
      this.#active.delete(active);
    }
  }

  async #handle(delivery: Delivery): Promise<Disposition> {
    try {
      return await this.#options.handle(delivery);
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      // The message may quote the job's data, so the engine is not given it.
      return {
        kind: 'retry',
        reason: `The handler of the job failed: ${error instanceof Error ? error.name : typeof error}`,
        delayMs: HANDLER_FAULT_DELAY_MS,
      };
    }
  }

  #toDelivery(job: BullJob, jobId: string, signal: AbortSignal): Delivery {
    job.opts.keepLogs ??= LOG_LINES_KEPT;
    return {
      queueName: this.#options.queueName,
      jobId,
      name: job.name,
      data: job.data,
      attemptsStarted: job.attemptsStarted,
      stalledCount: job.stalledCounter,
      scheduledSlot: scheduledSlotOf({
        jobId: job.id,
        repeatJobKey: job.repeatJobKey,
        prevMillis: job.opts.prevMillis,
      }),
      signal,
      log: (line) => this.#note(() => job.log(storableText(line, LOG_LINE_MAX_CHARS))),
      progress: (value) =>
        this.#note(() =>
          job.updateProgress(
            typeof value === 'number' ? value : { ...(storableJson(value) as JsonObject) },
          ),
        ),
    };
  }

  // What the board shows of a run must not fail or hold up the run.
  async #note(step: () => Promise<unknown>): Promise<void> {
    try {
      this.#connection.assertReachable();
      await settleWithin(this.#clock, OPERATION_TIMEOUT_MS, step());
    } catch (error) {
      this.#report(error);
    }
  }

  async #persist(step: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await step();
        return;
      } catch (error) {
        if (!this.#connection.isAway(error) || this.#givenUp.signal.aborted) throw error;
        await this.#clock.sleep(ENGINE_RETRY_DELAY_MS, this.#givenUp.signal);
      }
    }
  }

  #abort(reason: string, jobIds?: readonly string[]): void {
    for (const { jobId, abort } of this.#active)
      if (jobIds === undefined || jobIds.includes(jobId)) abort.abort(reason);
  }

  #report(error: unknown): void {
    this.#options.onError(withoutPayload(error));
  }
}

const REQUEUE: Disposition = { kind: 'requeue' };
