import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { vi } from 'vitest';
import type { BullmqQueueEngine } from '#queue/bullmq-queue-engine';
import type {
  ConsumeOptions,
  Consumer,
  Delivery,
  Disposition,
  LiveScheduler,
  NewQueueJob,
  NewScheduler,
  QueueEngine,
} from '#queue/queue-port';
import type { NextSlot } from '#queue/repeat-strategy';

export interface EngineOptions {
  readonly nextSlot?: NextSlot;
}

/** One check's view of a backend: its engines share everything, and nobody else uses its queue. */
export interface QueueWorld {
  readonly queueName: string;
  /** The engine that the check exercises; a wrapper of it in the test of the contract itself. */
  readonly engine: QueueEngine;
  /** Errors that the engines and the consumers reported. */
  readonly errors: readonly Error[];
  /** What another process would open; it reaches the same queues. */
  newEngine(options?: EngineOptions): BullmqQueueEngine;
  newGate(): Gate;
  /** Takes the job's lock from its worker, as the engine does when the worker stays silent. */
  breakLock(jobId: string): Promise<void>;
  /** Deletes the job behind BullMQ's back, as losing part of the data does. */
  loseJob(jobId: string): Promise<void>;
  /** Leaves the id of a scheduler without anything that belongs to it. */
  plantGhost(schedulerId: string): Promise<void>;
  /** Starts a consumer that ends with the check. */
  consume(
    handle: ConsumeOptions['handle'],
    options?: { readonly concurrency?: number; readonly engine?: QueueEngine },
  ): Promise<Consumer>;
}

/** Something that a handler waits for until the check opens it, or is over. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export const newGate = (): Gate => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

/** A backend to run checks on. */
export interface QueueBackend {
  newEngine(onError: (error: Error) => void, options?: EngineOptions): BullmqQueueEngine;
  breakLock(queueName: string, jobId: string): Promise<void>;
  loseJob(queueName: string, jobId: string): Promise<void>;
  plantGhost(queueName: string, schedulerId: string): Promise<void>;
  /** What a child process needs to reach the same queues. */
  readonly address: Readonly<Record<string, string>>;
}

/** Runs `check` in a world of its own and ends whatever it started. */
export const inNewWorld = async (
  backend: QueueBackend,
  check: (world: QueueWorld) => Promise<void>,
  wrap: (engine: QueueEngine) => QueueEngine = (engine) => engine,
): Promise<void> => {
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  const engines: BullmqQueueEngine[] = [];
  const consumers: Consumer[] = [];
  const gates: Gate[] = [];
  const newEngine = (options: EngineOptions = {}): BullmqQueueEngine => {
    const engine = backend.newEngine(onError, options);
    engines.push(engine);
    return engine;
  };
  const queueName = `q-${randomUUID()}`;
  const engine = wrap(newEngine());
  try {
    await check({
      queueName,
      engine,
      errors,
      newEngine,
      newGate: () => {
        const gate = newGate();
        gates.push(gate);
        return gate;
      },
      breakLock: (jobId) => backend.breakLock(queueName, jobId),
      loseJob: (jobId) => backend.loseJob(queueName, jobId),
      plantGhost: (schedulerId) => backend.plantGhost(queueName, schedulerId),
      consume: async (handle, options = {}) => {
        const consumer = await (options.engine ?? engine).consume({
          queueName,
          concurrency: options.concurrency ?? 1,
          workerName: `worker-${consumers.length}`,
          handle,
          onError,
        });
        consumers.push(consumer);
        return consumer;
      },
    });
  } finally {
    for (const gate of gates) gate.open();
    for (const consumer of consumers) consumer.abortActive('the check is over');
    await Promise.all(engines.map((each) => each.close()));
  }
};

export const COMPLETE: Disposition = { kind: 'complete', returnValue: null };

/** An id that is not used yet; engines refuse colons and whole numbers. */
export const newJobId = (): string => `run_${randomUUID()}`;

export const jobFor = (world: QueueWorld, job: Partial<NewQueueJob> = {}): NewQueueJob => ({
  queueName: world.queueName,
  jobId: newJobId(),
  name: 'sample_task',
  data: { n: 1 },
  attempts: 3,
  ...job,
});

/** Due once a year, so that nothing happens to its slot but what a check does. */
export const schedulerFor = (
  world: QueueWorld,
  scheduler: Partial<NewScheduler> = {},
): NewScheduler => ({
  queueName: world.queueName,
  schedulerId: 'yearly',
  cron: '0 0 1 1 *',
  timezone: 'UTC',
  jobName: 'sample_task',
  data: {},
  attempts: 1,
  ...scheduler,
});

/** The world's one scheduler, and the slot that it waits for. */
export const onlyScheduler = async (
  world: QueueWorld,
): Promise<LiveScheduler & { readonly nextAt: Date }> => {
  const [scheduler, ...others] = await world.engine.listSchedulers(world.queueName);
  if (scheduler === undefined || scheduler.nextAt === null || others.length > 0)
    throw new Error('not one scheduler with a slot');
  return { ...scheduler, nextAt: scheduler.nextAt };
};

/** What a listing tells of that scheduler's place in its chain. */
export const chainOf = async (world: QueueWorld) => {
  const { nextAt, slotState } = await onlyScheduler(world);
  return { nextAt, slotState };
};

export const refOf = (world: QueueWorld, schedulerId = 'yearly') => ({
  queueName: world.queueName,
  schedulerId,
});

/** Makes a slot's job due now, as the board's "Run now" does. */
export const promote = async (world: QueueWorld, jobId: string): Promise<void> => {
  const queue = await world.newEngine().bullQueue(world.queueName);
  const job = await queue.getJob(jobId);
  if (job === undefined) throw new Error(`no job ${jobId}`);
  await job.promote();
};

/** Waits until `condition` holds, 20 s at most. */
export const until = (condition: () => unknown, timeout = 20_000): Promise<void> =>
  vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error(`still not so after ${timeout} ms: ${condition}`);
    },
    { timeout, interval: 20 },
  );

/** A handler that keeps what it is given and answers what the script says, the last answer for ever. */
export const scripted = (
  ...answers: readonly Disposition[]
): { readonly seen: Delivery[]; readonly handle: ConsumeOptions['handle'] } => {
  const seen: Delivery[] = [];
  return {
    seen,
    handle: async (delivery) => {
      seen.push(delivery);
      return answers[Math.min(seen.length, answers.length) - 1] ?? COMPLETE;
    },
  };
};

/** Resolves when the signal aborts, with its reason. */
export const aborted = async (signal: AbortSignal): Promise<unknown> => {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
};

export interface ContractCheck {
  readonly name: string;
  readonly check: (world: QueueWorld) => Promise<void>;
}

/** The engine's word on a job of the world's queue. */
export const stateOf = (world: QueueWorld, jobId: string): ReturnType<QueueEngine['findState']> =>
  world.engine.findState({ queueName: world.queueName, jobId });
