import { type IQueueBackend, type JobType, Queue } from 'bullmq';
import type { Clock } from '#core/clock';
import { AppError, messageOf } from '#core/errors';
import { findUnstorable } from '#core/storable-text';
import type { BullConnection } from './bull-connection.ts';
import { BullmqConsumer } from './bullmq-consumer.ts';
import { CUSTOM_BACKOFF } from './disposition.ts';
import { settleWithin, unavailable, withoutPayload } from './engine-error.ts';
import {
  DEFAULT_ATTEMPTS,
  EVENTS_KEPT,
  KEEP_COMPLETED,
  KEEP_FAILED,
  OPERATION_TIMEOUT_MS,
  SCHEMA_TIMEOUT_MS,
} from './engine-limits.ts';
import { COUNTED_STATES, JOB_STATES } from './job-states.ts';
import { checkId, checkQueueName } from './queue-names.ts';
import type {
  ConsumeOptions,
  Consumer,
  JobRef,
  LiveScheduler,
  NewQueueJob,
  NewScheduler,
  QueueEngine,
  QueueHealth,
  QueueJobState,
} from './queue-port.ts';
import { asSchedulerError, refusalCode } from './scheduler-error.ts';

type BullQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend, unknown>;

/** BullMQ's code for it. */
const JOB_BELONGS_TO_SCHEDULER = -8;

/**
 * The queue engine on BullMQ. Methods reject with AppError `unavailable` when
 * the engine is away (and work again when it is back), `invalid_input` for
 * what BullMQ or PostgreSQL could not keep, `internal` for anything else.
 */
export class BullmqQueueEngine implements QueueEngine {
  readonly #connection: BullConnection;
  readonly #clock: Clock;
  readonly #onError: (error: Error) => void;
  readonly #queues = new Map<string, Promise<BullQueue>>();
  readonly #consumers = new Set<Consumer>();
  #connected: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(connection: BullConnection, clock: Clock, onError: (error: Error) => void) {
    this.#connection = connection;
    this.#clock = clock;
    this.#onError = onError;
  }

  get backend(): 'redis' | 'postgres' {
    return this.#connection.backend;
  }

  /**
   * Reaches the engine and prepares it (BullMQ's schema on PostgreSQL). Every
   * method does this first; to call it at start shows early that something is
   * missing. Throws AppError `unavailable`, after which it may be called again,
   * or `invalid_configuration`.
   */
  connect(): Promise<void> {
    return this.#attempt('connect', async () => undefined);
  }

  async enqueue(job: NewQueueJob): Promise<void> {
    checkId('The queue job id', job.jobId);
    const violations = findUnstorable(job.data);
    if (violations.length > 0)
      throw new AppError('invalid_input', 'the job data holds text that queues cannot keep', {
        violations,
      });
    await this.#attempt('enqueue a job', async () => {
      const queue = await this.#queue(job.queueName);
      await queue.add(job.name, job.data, {
        jobId: job.jobId,
        attempts: job.attempts,
        backoff: CUSTOM_BACKOFF,
        ...(job.delayMs === undefined ? {} : { delay: Math.max(0, Math.round(job.delayMs)) }),
      });
    });
  }

  findState(ref: JobRef): Promise<QueueJobState | null> {
    return this.#attempt('look up a job', async () => {
      const queue = await this.#queue(ref.queueName);
      return JOB_STATES[await queue.getJobState(ref.jobId)] ?? null;
    });
  }

  remove(ref: JobRef): Promise<boolean> {
    return this.#attempt('remove a job', async () => {
      const queue = await this.#queue(ref.queueName);
      const state = await queue.getJobState(ref.jobId);
      // Redis would report the removal of a job that is not there. An active job
      // whose lock has just run out could be removed, but may still be worked on.
      if (state === 'unknown' || state === 'active') return false;
      try {
        return (await queue.remove(ref.jobId)) === 1;
      } catch (error) {
        if (refusalCode(error) === JOB_BELONGS_TO_SCHEDULER) return false;
        throw error;
      }
    });
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    const consumer = await this.#attempt('start a consumer', async () => {
      checkQueueName(options.queueName);
      // A worker would wait for its connection where this tells at once.
      await this.#connection.ping();
      const started = new BullmqConsumer(this.#connection, this.#clock, options);
      this.#consumers.add(started);
      return started;
    });
    try {
      await consumer.start();
    } catch (error) {
      this.#consumers.delete(consumer);
      throw this.#translate('start a consumer', error);
    }
    return consumer;
  }

  listSchedulers(queueName: string): Promise<readonly LiveScheduler[]> {
    return this.#attempt('list schedulers', async () => {
      const queue = await this.#queue(queueName);
      const schedulers = await queue.getJobSchedulers(0, -1, true);
      return schedulers.map((scheduler) => ({
        queueName,
        schedulerId: scheduler.key,
        cron: scheduler.pattern ?? null,
        everyMs: scheduler.every ?? null,
        timezone: scheduler.tz ?? null,
        nextAt:
          scheduler.next === undefined || scheduler.next === null ? null : new Date(scheduler.next),
        jobName: scheduler.name ?? null,
        data: scheduler.template?.data ?? {},
      }));
    });
  }

  async upsertScheduler(scheduler: NewScheduler): Promise<void> {
    checkId('The scheduler id', scheduler.schedulerId);
    await this.#attempt('write a scheduler', async () => {
      const queue = await this.#queue(scheduler.queueName);
      try {
        await queue.upsertJobScheduler(
          scheduler.schedulerId,
          { pattern: scheduler.cron, tz: scheduler.timezone },
          {
            name: scheduler.jobName,
            data: scheduler.data,
            opts: { attempts: scheduler.attempts, backoff: CUSTOM_BACKOFF },
          },
        );
      } catch (error) {
        throw this.#connection.isAway(error) ? error : asSchedulerError(error);
      }
    });
  }

  removeScheduler(ref: {
    readonly queueName: string;
    readonly schedulerId: string;
  }): Promise<boolean> {
    return this.#attempt('remove a scheduler', async () =>
      (await this.#queue(ref.queueName)).removeJobScheduler(ref.schedulerId),
    );
  }

  pauseQueue(queueName: string): Promise<void> {
    return this.#attempt('pause a queue', async () => (await this.#queue(queueName)).pause());
  }

  resumeQueue(queueName: string): Promise<void> {
    return this.#attempt('resume a queue', async () => (await this.#queue(queueName)).resume());
  }

  countJobs(queueName: string): ReturnType<QueueEngine['countJobs']> {
    return this.#attempt('count jobs', async () => {
      const queue = await this.#queue(queueName);
      // Asked of the backend, since the queue's own method leaves out `paused`,
      // under which PostgreSQL counts what waits in a paused queue.
      const counts = await queue.getBackend().getCounts([...COUNTED_STATES] as JobType[]);
      const sum = (state: QueueJobState): number =>
        COUNTED_STATES.reduce(
          (total, name, at) => total + (JOB_STATES[name] === state ? (counts[at] ?? 0) : 0),
          0,
        );
      return {
        waiting: sum('waiting'),
        active: sum('active'),
        delayed: sum('delayed'),
        failed: sum('failed'),
        completed: sum('completed'),
      };
    });
  }

  /** Never rejects: an engine that is away is an answer. */
  async health(): Promise<QueueHealth> {
    try {
      return await this.#attempt('check the engine', () => this.#connection.health());
    } catch (error) {
      return { ok: false, warnings: [], detail: messageOf(error) };
    }
  }

  /**
   * BullMQ's own queue, for the board. It stays this engine's: not to be
   * closed. On PostgreSQL its `getBackend()` is PostgreSQL's, whatever the
   * type says.
   */
  async bullQueue(queueName: string): Promise<Queue> {
    const queue = await this.#attempt('open a queue', () => this.#queue(queueName));
    return queue as unknown as Queue;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    const queues = await Promise.allSettled(
      [...this.#queues.values()].map((opening) =>
        settleWithin(
          this.#clock,
          OPERATION_TIMEOUT_MS,
          opening.then((queue) => queue.close()),
        ),
      ),
    );
    for (const queue of queues) if (queue.status === 'rejected') this.#report(queue.reason);
    await this.#connection.close();
  }

  /** Opened once and shared; one that could not be opened is forgotten, for BullMQ would never try again. */
  #queue(queueName: string): Promise<BullQueue> {
    const known = this.#queues.get(queueName);
    if (known !== undefined) return known;
    const opening = this.#open(queueName);
    this.#queues.set(queueName, opening);
    opening.catch(() => this.#queues.delete(queueName));
    return opening;
  }

  async #open(queueName: string): Promise<BullQueue> {
    checkQueueName(queueName);
    const queue: BullQueue = new Queue(
      queueName,
      {
        connection: {},
        ...(this.#connection.prefix === undefined ? {} : { prefix: this.#connection.prefix }),
        streams: { events: { maxLen: EVENTS_KEPT } },
        defaultJobOptions: {
          attempts: DEFAULT_ATTEMPTS,
          backoff: CUSTOM_BACKOFF,
          removeOnComplete: KEEP_COMPLETED,
          removeOnFail: KEEP_FAILED,
        },
      },
      this.#connection.factory,
    );
    queue.on('error', (error) => this.#report(error));
    try {
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      await queue.close().catch(() => undefined);
      throw error;
    }
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined)
      throw unavailable(`The queue engine is closed; cannot ${doing}`);
    try {
      await this.#ensureConnected();
      this.#connection.assertReachable();
      return await settleWithin(this.#clock, OPERATION_TIMEOUT_MS, work());
    } catch (error) {
      throw this.#translate(doing, error);
    }
  }

  #ensureConnected(): Promise<void> {
    if (this.#connected === undefined) {
      const timeoutMs = this.backend === 'redis' ? OPERATION_TIMEOUT_MS : SCHEMA_TIMEOUT_MS;
      const connecting = settleWithin(this.#clock, timeoutMs, this.#connection.connect());
      this.#connected = connecting;
      connecting.catch(() => {
        this.#connected = undefined;
      });
    }
    return this.#connected;
  }

  #translate(doing: string, error: unknown): AppError {
    if (error instanceof AppError) return error;
    const engine = this.backend === 'redis' ? 'Redis' : 'PostgreSQL';
    if (this.#connection.isAway(error))
      return unavailable(`The queue engine (${engine}) is not available; cannot ${doing}`, error);
    return new AppError('internal', `The queue engine (${engine}) failed; could not ${doing}`, {
      cause: withoutPayload(error),
    });
  }

  #report(error: unknown): void {
    this.#onError(withoutPayload(error));
  }
}
