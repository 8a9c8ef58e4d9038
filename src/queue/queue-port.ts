import type { JsonObject, JsonValue } from '#core/json';

/**
 * The queue engine as the runner sees it: BullMQ on Redis or on PostgreSQL.
 * Every method that talks to the engine throws AppError `unavailable` when it
 * is away; none waits for it to come back.
 */
export interface QueueEngine {
  readonly backend: 'redis' | 'postgres';
  /** Resolves once the engine confirmed the job. The same job id again, while the first is kept, is a no-op. */
  enqueue(job: NewQueueJob): Promise<void>;
  /**
   * As `enqueue` for each, in few round trips; the jobs may be of several
   * queues. One that is refused is refused before any is enqueued. When it
   * rejects for another reason some may be enqueued, and it may be repeated:
   * those are no-ops then.
   */
  enqueueMany(jobs: readonly NewQueueJob[]): Promise<void>;
  /** Null when the engine does not know the id. */
  findState(ref: JobRef): Promise<QueueJobState | null>;
  /** Removes a job that is not active. Answers whether it was there and is gone. */
  remove(ref: JobRef): Promise<boolean>;
  /** Starts consuming; `stop` of the consumer ends it. */
  consume(options: ConsumeOptions): Promise<Consumer>;
  /**
   * Every scheduler of the queue by its next slot, as it was at one instant,
   * whoever wrote it and whatever its id. One that lacks its data (a ghost) has
   * `cron` and `everyMs` null. Nothing is changed by looking.
   */
  listSchedulers(queueName: string): Promise<readonly LiveScheduler[]>;
  /** States of the engine's own jobs for the slots, in the order given; null for one that is not there. */
  findSlotStates(
    queueName: string,
    refs: readonly SlotRef[],
  ): Promise<readonly (QueueJobState | null)[]>;
  /**
   * Creates or replaces, all or nothing. Callers read and compare first:
   * replacing drops a slot that is overdue. A finished job of the coming slot
   * (it was run ahead of time) is removed, so that the slot can come again.
   * Throws `conflict` while that job is still to run or running, and
   * `invalid_input` for a schedule that cannot be read or never comes.
   */
  upsertScheduler(scheduler: NewScheduler): Promise<void>;
  /**
   * Removes the scheduler, whatever its id, and the job of its next slot if
   * that is `delayed` (as an overdue one still is while nobody consumes). One
   * that is `waiting` (due or promoted) or `active` stays and is delivered with
   * its slot; none follows it. Answers whether the scheduler was there.
   */
  removeScheduler(ref: {
    readonly queueName: string;
    readonly schedulerId: string;
  }): Promise<boolean>;
  countJobs(
    queueName: string,
  ): Promise<Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed' | 'completed', number>>>;
  /** Never rejects. */
  health(): Promise<QueueHealth>;
  close(): Promise<void>;
}

export interface JobRef {
  readonly queueName: string;
  readonly jobId: string;
}

/** The job that a scheduler made, or will make, for one instant of its schedule. */
export interface SlotRef {
  readonly schedulerId: string;
  readonly slot: Date;
}

export type QueueJobState = 'waiting' | 'active' | 'delayed' | 'completed' | 'failed';

export interface NewQueueJob extends JobRef {
  /** The task's id. */
  readonly name: string;
  readonly data: JsonObject;
  /** Upper bound of the engine's own attempts; the runner decides within it. */
  readonly attempts: number;
  readonly delayMs?: number;
}

export interface Delivery extends JobRef {
  readonly name: string;
  /** As it was found: untrusted, anybody with the board or the engine may have written it. */
  readonly data: unknown;
  /**
   * Starts of this job so far, this one included; counts starts that crashed,
   * and those that were deferred or requeued.
   */
  readonly attemptsStarted: number;
  /** How often the engine found the job without a living worker. */
  readonly stalledCount: number;
  /** The schedule's instant when a scheduler made the job, on retries too. */
  readonly scheduledSlot: Date | null;
  /** Aborts when the engine's lock is lost or the consumer is told to abort. */
  readonly signal: AbortSignal;
  /** For the board. Never rejects and holds nothing up: what the engine did not take goes to `onError`. */
  log(line: string): Promise<void>;
  /** As `log`. */
  progress(value: number | JsonObject): Promise<void>;
}

/** What is to become of a delivered job. */
export type Disposition =
  | { readonly kind: 'complete'; readonly returnValue: JsonValue }
  /** Counts as a failed attempt; comes again after `delayMs` while the engine's attempts last. */
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number }
  /** Failed for good, whatever attempts are left. */
  | { readonly kind: 'fail'; readonly reason: string }
  /**
   * Back to the queue without spending an attempt (shutdown): to its front on
   * Redis, to its end on PostgreSQL, whose backend can do no better.
   */
  | { readonly kind: 'requeue' }
  /** Back after `delayMs` without spending an attempt (lease held elsewhere, ledger away). */
  | { readonly kind: 'defer'; readonly delayMs: number };

export interface ConsumeOptions {
  readonly queueName: string;
  /** Jobs of this queue that run at once in this process. */
  readonly concurrency: number;
  /** Shown on the board as the worker's name. */
  readonly workerName: string;
  /** Never rejects on purpose; a rejection is a bug and counts as a retry. */
  readonly handle: (delivery: Delivery) => Promise<Disposition>;
  readonly onError: (error: Error) => void;
}

export interface Consumer {
  /**
   * Takes no further jobs; resolves when the active ones have ended. Does not
   * wait for an engine that is away: what it could not be told, it finds out.
   */
  stop(): Promise<void>;
  /** Aborts the signal of every active delivery. */
  abortActive(reason: string): void;
  readonly activeCount: number;
}

export interface NewScheduler {
  readonly queueName: string;
  /** `[a-z0-9_-]+`; anything with colons may be taken for a legacy key. */
  readonly schedulerId: string;
  readonly cron: string;
  readonly timezone: string;
  readonly jobName: string;
  readonly data: JsonObject;
  readonly attempts: number;
}

export interface LiveScheduler {
  readonly queueName: string;
  readonly schedulerId: string;
  readonly cron: string | null;
  readonly everyMs: number | null;
  readonly timezone: string | null;
  readonly nextAt: Date | null;
  readonly jobName: string | null;
  readonly data: unknown;
  /** Null when the template names none. */
  readonly attempts: number | null;
  /**
   * State of the job of `nextAt`, null when it is not there. A scheduler goes
   * on only by its job being started: null, `completed` or `failed` means that
   * nothing will come any more until it is written again.
   */
  readonly slotState: QueueJobState | null;
}

export interface QueueHealth {
  readonly ok: boolean;
  /** What an operator must know, e.g. a Redis without persistence or with an evicting policy. */
  readonly warnings: readonly string[];
  readonly detail: string;
}
