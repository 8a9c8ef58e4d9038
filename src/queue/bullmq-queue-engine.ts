import { type JobType, Queue } from 'bullmq';
import type { Clock } from '#core/clock';
import { AppError, messageOf } from '#core/errors';
import { groupBy } from '#core/group-by';
import type { BullConnection, BullQueue } from './bull-connection.ts';
import { BullmqConsumer } from './bullmq-consumer.ts';
import { CUSTOM_BACKOFF } from './disposition.ts';
import { settleWithin, unavailable, withoutPayload } from './engine-error.ts';
import {
  DEFAULT_ATTEMPTS,
  EVENTS_KEPT,
  JOBS_PER_BATCH,
  KEEP_COMPLETED,
  KEEP_FAILED,
  OPERATION_TIMEOUT_MS,
  SCHEMA_TIMEOUT_MS,
} from './engine-limits.ts';
import { COUNTED_STATES, jobStateOf } from './job-states.ts';
import { toLiveScheduler } from './live-scheduler.ts';
import { checkData, checkJob, toBullJob } from './new-job.ts';
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
  SlotRef,
} from './queue-port.ts';
import { type NextSlot, type SlotStrategy, slotStrategy } from './repeat-strategy.ts';
import { slotJobId } from './scheduled-slot.ts';
import { refusalCode } from './scheduler-error.ts';
import { upsertScheduler } from './upsert-scheduler.ts';

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
  readonly #strategy: SlotStrategy;
  readonly #queues = new Map<string, Promise<BullQueue>>();
  readonly #consumers = new Set<Consumer>();
  #connected: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    connection: BullConnection,
    options: {
      readonly clock: Clock;
      readonly onError: (error: Error) => void;
      readonly nextSlot: NextSlot | undefined;
    },
  ) {
    this.#connection = connection;
    this.#clock = options.clock;
    this.#onError = options.onError;
    this.#strategy = slotStrategy(options.nextSlot);
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
    checkJob(job);
    await this.#attempt('enqueue a job', async () => {
      const queue = await this.#queue(job.queueName);
      const { name, data, opts } = toBullJob(job);
      await queue.add(name, data, opts);
    });
  }

  async enqueueMany(jobs: readonly NewQueueJob[]): Promise<void> {
    for (const job of jobs) checkJob(job);
    for (const [queueName, ofQueue] of groupBy(jobs, (job) => job.queueName))
      for (let at = 0; at < ofQueue.length; at += JOBS_PER_BATCH) {
        const batch = ofQueue.slice(at, at + JOBS_PER_BATCH);
        await this.#attempt('enqueue jobs', async () => {
          const queue = await this.#queue(queueName);
          await queue.addBulk(batch.map(toBullJob));
        });
      }
  }

  findState(ref: JobRef): Promise<QueueJobState | null> {
    return this.#attempt('look up a job', async () => {
      const queue = await this.#queue(ref.queueName);
      return jobStateOf(await queue.getJobState(ref.jobId));
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
      const started = new BullmqConsumer(this.#connection, this.#clock, {
        ...options,
        strategy: this.#strategy,
      });
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
      checkQueueName(queueName);
      const records = await this.#connection.schedulers.listSchedulers(queueName);
      return records.map((record) => toLiveScheduler(queueName, record));
    });
  }

  findSlotStates(
    queueName: string,
    refs: readonly SlotRef[],
  ): Promise<readonly (QueueJobState | null)[]> {
    return this.#attempt('look up slots', async () => {
      checkQueueName(queueName);
      const ids = refs.map(({ schedulerId, slot }) => slotJobId(schedulerId, slot.getTime()));
      const states = await this.#connection.schedulers.readStates(queueName, ids);
      return states.map(jobStateOf);
    });
  }

  async upsertScheduler(scheduler: NewScheduler): Promise<void> {
    checkId('The scheduler id', scheduler.schedulerId);
    checkData(scheduler.data);
    await this.#attempt('write a scheduler', async () =>
      upsertScheduler(
        {
          queue: await this.#queue(scheduler.queueName),
          store: this.#connection.schedulers,
          strategy: this.#strategy,
          clock: this.#clock,
        },
        scheduler,
      ),
    );
  }

  removeScheduler(ref: {
    readonly queueName: string;
    readonly schedulerId: string;
  }): Promise<boolean> {
    return this.#attempt('remove a scheduler', async () =>
      (await this.#queue(ref.queueName)).removeJobScheduler(ref.schedulerId),
    );
  }

  countJobs(queueName: string): ReturnType<QueueEngine['countJobs']> {
    return this.#attempt('count jobs', async () => {
      const queue = await this.#queue(queueName);
      // Asked of the backend, since the queue's own method leaves out `paused`,
      // under which PostgreSQL counts what waits in a paused queue.
      const counts = await queue.getBackend().getCounts([...COUNTED_STATES] as JobType[]);
      const sum = (state: QueueJobState): number =>
        COUNTED_STATES.reduce(
          (total, name, at) => total + (jobStateOf(name) === state ? (counts[at] ?? 0) : 0),
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
        settings: { repeatStrategy: this.#strategy },
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
