import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DisposableBackend,
  openDisposablePostgresBackend,
  openDisposableRedisBackend,
} from './queue-backends.ts';
import {
  COMPLETE,
  inNewWorld,
  jobFor,
  type QueueWorld,
  schedulerFor,
  scripted,
  until,
} from './queue-world.ts';

/** Far below any wait for the engine: an answer that takes longer has waited for it. */
const PROMPT_MS = 4_000;

const promptly = async (work: Promise<unknown>): Promise<unknown> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, PROMPT_MS, 'no answer');
  });
  const answer = await Promise.race([work.catch((error: unknown) => error), late]);
  clearTimeout(timer);
  return answer;
};

const UNAVAILABLE = { code: 'unavailable', retryAfterSeconds: 5 };

const enqueueWhenBack = (world: QueueWorld, job = jobFor(world)) =>
  until(async () =>
    world.engine.enqueue(job).then(
      () => true,
      () => false,
    ),
  );

describe.each([
  { backend: 'redis', open: openDisposableRedisBackend },
  { backend: 'postgres', open: openDisposablePostgresBackend },
])('while $backend is away', ({ open }) => {
  let server: DisposableBackend;
  beforeAll(async () => {
    server = await open();
  });
  afterAll(() => server.close());

  /** `restart` does nothing to a server that runs. */
  const withServer = async (
    check: (world: QueueWorld, server: DisposableBackend) => Promise<void>,
  ): Promise<void> => {
    try {
      await inNewWorld(server, (world) => check(world, server));
    } finally {
      await server.restart();
    }
  };

  it('every call answers unavailable at once, and works again afterwards', () =>
    withServer(async (world, server) => {
      const kept = jobFor(world);
      await world.engine.enqueue(kept);
      await server.crash();
      const { queueName } = world;
      const ref = { queueName, jobId: kept.jobId };
      const calls = [
        () => world.engine.enqueue(jobFor(world)),
        () => world.engine.findState(ref),
        () => world.engine.remove(ref),
        () => world.engine.countJobs(queueName),
        () => world.engine.listSchedulers(queueName),
        () => world.engine.removeScheduler({ queueName, schedulerId: 'x' }),
        () => world.engine.upsertScheduler(schedulerFor(world)),
        () => world.engine.findSlotStates(queueName, [{ schedulerId: 'x', slot: new Date(1) }]),
        () => world.engine.enqueueMany([jobFor(world)]),
        () => world.consume(async () => COMPLETE),
      ];
      for (const call of calls) expect(await promptly(call())).toMatchObject(UNAVAILABLE);
      expect(await promptly(world.engine.health())).toMatchObject({ ok: false });
      await server.restart();
      await enqueueWhenBack(world);
      expect(await world.engine.findState(ref)).toBe('waiting');
      expect((await world.engine.health()).ok).toBe(true);
    }));

  it('an engine that was opened meanwhile works once it is back', () =>
    withServer(async (world, server) => {
      await server.crash();
      const engine = world.newEngine();
      await expect(engine.connect()).rejects.toMatchObject(UNAVAILABLE);
      await server.restart();
      await until(async () =>
        engine.connect().then(
          () => true,
          () => false,
        ),
      );
      const job = jobFor(world);
      await engine.enqueue(job);
      expect(await engine.findState({ queueName: world.queueName, jobId: job.jobId })).toBe(
        'waiting',
      );
    }));

  it('an idle consumer goes on with the next job when it is back', () =>
    withServer(async (world, server) => {
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await server.crash();
      await server.restart();
      const job = jobFor(world);
      await enqueueWhenBack(world, job);
      await until(() => seen.some(({ jobId }) => jobId === job.jobId));
    }));

  it.each([
    { ending: 'completes', disposition: COMPLETE, state: 'completed' },
    { ending: 'fails', disposition: { kind: 'fail', reason: 'as told' }, state: 'failed' },
    { ending: 'defers', disposition: { kind: 'defer', delayMs: 600_000 }, state: 'delayed' },
    { ending: 'requeues once', disposition: { kind: 'requeue' }, state: 'completed' },
  ] as const)('a run that $ending ends as it was told to, started once', ({ disposition, state }) =>
    withServer(async (world, server) => {
      const job = jobFor(world, { attempts: 1 });
      await world.engine.enqueue(job);
      const gate = world.newGate();
      const starts: number[] = [];
      const consumer = await world.consume(async ({ stalledCount, log }) => {
        starts.push(stalledCount);
        if (starts.length > 1) return COMPLETE;
        await gate.opened;
        await log('written while the engine is away');
        return disposition;
      });
      await until(() => consumer.activeCount === 1);
      await server.crash();
      gate.open();
      await until(() => consumer.activeCount === 0);
      await server.restart();
      const ref = { queueName: world.queueName, jobId: job.jobId };
      await until(async () =>
        world.engine.findState(ref).then(
          (now) => now === state,
          () => false,
        ),
      );
      expect(starts).toEqual(disposition.kind === 'requeue' ? [0, 0] : [0]);
    }),
  );

  it('a consumer and an engine stop all the same', () =>
    withServer(async (world, server) => {
      const gate = world.newGate();
      await world.engine.enqueue(jobFor(world));
      const idle = await world.consume(async () => COMPLETE, { engine: world.newEngine() });
      const busy = await world.consume(async () => {
        await gate.opened;
        return COMPLETE;
      });
      await until(() => idle.activeCount + busy.activeCount <= 1);
      await server.crash();
      gate.open();
      await Promise.all([idle.stop(), busy.stop(), world.engine.close()]);
      expect(idle.activeCount + busy.activeCount).toBe(0);
    }));
});
