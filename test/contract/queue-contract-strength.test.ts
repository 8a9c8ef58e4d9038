import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConsumeOptions, Disposition, QueueEngine } from '#queue/queue-port';
import { type OpenedBackend, openRedisBackend } from './queue-backends.ts';
import { QUEUE_ENGINE_CONTRACT } from './queue-engine-contract.ts';
import { inNewWorld } from './queue-world.ts';

/** The engine with some methods replaced by broken ones. */
const broken = (engine: QueueEngine, faults: Partial<QueueEngine>): QueueEngine =>
  new Proxy(engine, {
    get: (target, key) => {
      const value: unknown = Reflect.get(key in faults ? faults : target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** The engine whose handlers' answers are changed on the way. */
const answering = (engine: QueueEngine, change: (given: Disposition) => Disposition): QueueEngine =>
  broken(engine, {
    consume: (options: ConsumeOptions) =>
      engine.consume({
        ...options,
        handle: async (delivery) => change(await options.handle(delivery)),
      }),
  });

const dropEveryTenth = (engine: QueueEngine): QueueEngine => {
  let count = 0;
  return broken(engine, {
    enqueue: async (job) => {
      count += 1;
      if (count % 10 !== 0) await engine.enqueue(job);
    },
  });
};

const FAULTY_ENGINES: readonly {
  readonly fault: string;
  readonly caughtBy: string;
  readonly wrap: (engine: QueueEngine) => QueueEngine;
}[] = [
  {
    fault: 'drops every tenth job',
    caughtBy: 'delivers each of 200 jobs to exactly one of two consumers',
    wrap: dropEveryTenth,
  },
  {
    fault: 'takes a job id again',
    caughtBy: 'takes the same job id once',
    wrap: (engine) => {
      let count = 0;
      return broken(engine, {
        enqueue: (job) => {
          count += 1;
          return engine.enqueue({ ...job, jobId: `${job.jobId}_${count}` });
        },
      });
    },
  },
  {
    fault: 'spends an attempt on a requeue',
    caughtBy: 'counts neither requeue nor defer as an attempt',
    wrap: (engine) =>
      answering(engine, (given) =>
        given.kind === 'requeue' ? { kind: 'retry', reason: 'wrong', delayMs: 1 } : given,
      ),
  },
  {
    fault: 'tries a failed job again',
    caughtBy: 'fails a job for good though attempts are left',
    wrap: (engine) =>
      answering(engine, (given) =>
        given.kind === 'fail' ? { kind: 'retry', reason: 'wrong', delayMs: 1 } : given,
      ),
  },
  {
    fault: 'retries at once',
    caughtBy: 'holds a retried job back for as long as the handler says',
    wrap: (engine) =>
      answering(engine, (given) => (given.kind === 'retry' ? { ...given, delayMs: 0 } : given)),
  },
  {
    fault: 'hides a broken chain',
    caughtBy: 'lists a scheduler whose job is lost, and arms it again',
    wrap: (engine) =>
      broken(engine, {
        listSchedulers: async (queueName) =>
          (await engine.listSchedulers(queueName)).map((each) => ({
            ...each,
            slotState: 'delayed',
          })),
      }),
  },
  {
    fault: 'mixes slots up',
    caughtBy: 'finds the states of slots in the order asked for',
    wrap: (engine) =>
      broken(engine, {
        findSlotStates: async (queueName, refs) =>
          (await engine.findSlotStates(queueName, refs)).toReversed(),
      }),
  },
  {
    fault: 'enqueues what comes before the job that it refuses',
    caughtBy: 'enqueues none of many when one of them cannot be kept',
    wrap: (engine) =>
      broken(engine, {
        enqueueMany: async (jobs) => {
          for (const job of jobs) await engine.enqueue(job);
        },
      }),
  },
];

describe('the queue contract notices an engine that', () => {
  let backend: OpenedBackend;
  beforeAll(async () => {
    backend = await openRedisBackend();
  });
  afterAll(() => backend.close());

  it.concurrent.each(FAULTY_ENGINES)('$fault', async ({ caughtBy, wrap }) => {
    const found = QUEUE_ENGINE_CONTRACT.find(({ name }) => name === caughtBy);
    if (found === undefined) throw new Error(`no check is named ${caughtBy}`);
    await expect(inNewWorld(backend, found.check, wrap)).rejects.toThrow();
  });
});
