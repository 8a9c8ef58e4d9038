import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  type JobProgress,
  type PgPool,
  Queue,
  QueueEvents,
  runMigrations,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { packageRoot } from '#core/package-root';
import type { BullQueue } from '#queue/bull-connection';
import type { BullJob } from '#queue/paced-worker';
import { type OpenedBackend, openPostgresBackend, openRedisBackend } from './queue-backends.ts';
import { type Gate, newGate, until } from './queue-world.ts';

export type BareWorker = Worker<unknown, unknown, string, IQueueBackend, JobProgress, unknown>;
export type BareEvents = QueueEvents<IQueueBackend, IQueueBackend, unknown>;

/** Short, so that a killed worker's job comes back within a second. */
export const QUICK = { lockDuration: 500, stalledInterval: 250, maxStalledCount: 1 } as const;

export const EVERY_SECOND = { pattern: '* * * * * *', tz: 'UTC' } as const;
export const YEARLY = { pattern: '0 0 1 1 *', tz: 'UTC' } as const;

/** One test's own queue of BullMQ, with nothing of this project between. */
export interface BareWorld {
  readonly backend: 'redis' | 'postgres';
  readonly queueName: string;
  readonly queue: BullQueue;
  /** What the queue and the workers reported. */
  readonly errors: readonly Error[];
  newGate(): Gate;
  newQueue(): BullQueue;
  work(
    process: (job: BullJob) => Promise<unknown>,
    options?: Partial<WorkerOptions<unknown>>,
  ): Promise<BareWorker>;
  listen(): Promise<BareEvents>;
  /** Deletes the job behind BullMQ's back. */
  loseJob(jobId: string): Promise<void>;
  /** Leaves the id of a scheduler without anything that belongs to it. */
  plantGhost(schedulerId: string): Promise<void>;
  /** Starts `bullmq-child.mjs` on this queue; it is killed when the test ends. */
  startChild(act: string, options?: object, environment?: NodeJS.ProcessEnv): ChildProcess;
}

export type BareCheck = (world: BareWorld) => Promise<void>;

/** The connection that bare BullMQ takes on a backend, and how it ends. */
interface BareConnection {
  readonly backend: 'redis' | 'postgres';
  readonly options: { readonly connection: unknown; readonly prefix?: string };
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  close(): Promise<void>;
}

const openConnection = async ({ address }: OpenedBackend): Promise<BareConnection> => {
  const { dsn, redisUrl = '', prefix = '' } = address;
  if (dsn === undefined) {
    const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
    connection.on('error', () => undefined);
    return {
      backend: 'redis',
      options: { connection, prefix },
      factory: (name, options, extra) =>
        createRedisBackend(name, { ...options, connection }, extra),
      close: async () => connection.disconnect(),
    };
  }
  const connection = new pg.Pool({
    connectionString: dsn,
    options: '-c search_path=bullmq',
    max: 40,
  });
  connection.on('error', () => undefined);
  const client = await connection.connect();
  await runMigrations(client);
  client.release();
  return {
    backend: 'postgres',
    options: { connection },
    factory: (name, options, extra) =>
      // The overloads of its `on` do not fit the type that BullMQ gives a pool.
      createPostgresBackend(
        name,
        { ...options, connection: connection as unknown as PgPool },
        extra,
      ),
    close: () => connection.end(),
  };
};

/** Runs `check` on a queue of its own and ends whatever it started. */
export const inBareWorld = async (backend: OpenedBackend, check: BareCheck): Promise<void> => {
  const connection = await openConnection(backend);
  const queueName = `q-${randomUUID()}`;
  const errors: Error[] = [];
  const gates: Gate[] = [];
  const children: ChildProcess[] = [];
  const open: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(each: T): T => {
    open.push(each);
    return each;
  };
  const newQueue = (): BullQueue => {
    const queue: BullQueue = new Queue(queueName, connection.options, connection.factory);
    queue.on('error', (error) => errors.push(error));
    return keep(queue);
  };
  try {
    await check({
      backend: connection.backend,
      queueName,
      queue: newQueue(),
      errors,
      newQueue,
      newGate: () => {
        const gate = newGate();
        gates.push(gate);
        return gate;
      },
      work: async (process, options = {}) => {
        const worker: BareWorker = new Worker(
          queueName,
          (job) => process(job),
          { drainDelay: 1, ...connection.options, ...options },
          connection.factory,
        );
        worker.on('error', (error) => errors.push(error));
        await keep(worker).waitUntilReady();
        return worker;
      },
      listen: async () => {
        const events: BareEvents = new QueueEvents(
          queueName,
          connection.options,
          connection.factory,
        );
        events.on('error', (error) => errors.push(error));
        await keep(events).waitUntilReady();
        return events;
      },
      loseJob: (jobId) => backend.loseJob(queueName, jobId),
      plantGhost: (schedulerId) => backend.plantGhost(queueName, schedulerId),
      startChild: (act, options = {}, environment = {}) => {
        const script = path.join(packageRoot(), 'test/contract/bullmq-child.mjs');
        const task = JSON.stringify({ queueName, address: backend.address, act, options });
        const child = spawn(process.execPath, [script, task], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, ...environment },
        });
        children.push(child);
        return child;
      },
    });
  } finally {
    for (const gate of gates) gate.open();
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(open.map((each) => each.close()));
    await connection.close();
  }
};

/** A suite of checks on bare BullMQ, on each of its backends. */
export const describeBareBullmq = (
  symptom: string,
  define: (inWorld: (check: BareCheck) => () => Promise<void>) => void,
): void => {
  describe.each([
    { backend: 'Redis', openBackend: openRedisBackend },
    { backend: 'PostgreSQL', openBackend: openPostgresBackend },
  ])(`${symptom}: bare BullMQ on $backend`, ({ openBackend }) => {
    let opened: OpenedBackend;
    beforeAll(async () => {
      opened = await openBackend();
    });
    afterAll(() => opened.close());
    define((check) => () => inBareWorld(opened, check));
  });
};

/** The slot that a scheduler waits for; throws where there is none. */
export const nextSlotOf = async (world: BareWorld, schedulerId = 'task'): Promise<number> => {
  const next = (await world.queue.getJobScheduler(schedulerId))?.next;
  if (typeof next !== 'number') throw new Error(`no slot of ${schedulerId}`);
  return next;
};

/** The slot that a scheduler's job stands for. */
export const slotOf = (job: BullJob): number => Number(job.id?.split(':').at(-1));

/** Makes the job of a scheduler's next slot due now, and answers that slot. */
export const promoteNext = async (world: BareWorld, schedulerId = 'task'): Promise<number> => {
  const slot = await nextSlotOf(world, schedulerId);
  const job = await world.queue.getJob(`repeat:${schedulerId}:${slot}`);
  if (job === undefined) throw new Error('the slot has no job');
  await job.promote();
  return slot;
};

/** What a child said until it ended. */
export const outputOf = async (child: ChildProcess): Promise<string> => {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return output.trim();
};

export const untilPast = (instantMs: number): Promise<void> => until(() => Date.now() > instantMs);
