import { expect } from 'vitest';
import {
  COMPLETE,
  type ContractCheck,
  jobFor,
  newJobId,
  scripted,
  stateOf,
  until,
} from './queue-world.ts';

/** States, counts and sharing. */
export const QUEUE_CONTROL_CONTRACT: readonly ContractCheck[] = [
  {
    name: 'removes what waits, not what is active or unknown',
    check: async (world) => {
      const [waiting, active] = [jobFor(world), jobFor(world, { data: { hold: true } })];
      const gate = world.newGate();
      await world.engine.enqueue(active);
      await world.consume(async () => {
        await gate.opened;
        return COMPLETE;
      });
      await until(async () => (await stateOf(world, active.jobId)) === 'active');
      await world.engine.enqueue(waiting);
      const ref = { queueName: world.queueName, jobId: waiting.jobId };
      expect(await world.engine.remove(ref)).toBe(true);
      expect(await world.engine.remove(ref)).toBe(false);
      expect(await stateOf(world, waiting.jobId)).toBeNull();
      expect(await world.engine.remove({ ...ref, jobId: active.jobId })).toBe(false);
      gate.open();
      await until(async () => (await stateOf(world, active.jobId)) === 'completed');
    },
  },
  {
    name: 'tells the state of a job, and counts by state',
    check: async (world) => {
      expect(await stateOf(world, newJobId())).toBeNull();
      const [done, broken, delayed, running, waiting] = [
        jobFor(world, { data: { do: 'complete' } }),
        jobFor(world, { data: { do: 'fail' } }),
        jobFor(world, { delayMs: 600_000 }),
        jobFor(world, { data: { do: 'hold' } }),
        jobFor(world),
      ];
      const gate = world.newGate();
      for (const job of [done, broken, delayed, running]) await world.engine.enqueue(job);
      await world.consume(async ({ data }) => {
        const what = (data as { readonly do?: string }).do;
        if (what === 'fail') return { kind: 'fail', reason: 'as told' };
        if (what === 'hold') await gate.opened;
        return COMPLETE;
      });
      await until(async () => (await stateOf(world, running.jobId)) === 'active');
      await world.engine.enqueue(waiting);
      const states = await Promise.all(
        [done, broken, delayed, running, waiting].map(({ jobId }) => stateOf(world, jobId)),
      );
      expect(states).toEqual(['completed', 'failed', 'delayed', 'active', 'waiting']);
      expect(await world.engine.countJobs(world.queueName)).toEqual({
        waiting: 1,
        active: 1,
        delayed: 1,
        failed: 1,
        completed: 1,
      });
      gate.open();
      await until(async () => (await stateOf(world, waiting.jobId)) === 'completed');
    },
  },
  {
    name: 'enqueues many jobs, of several queues, each once',
    check: async (world) => {
      const elsewhere = `${world.queueName}-2`;
      const [kept, done] = [jobFor(world, { data: { first: true } }), jobFor(world)];
      const many = Array.from({ length: 1_200 }, (_, n) =>
        jobFor(world, { delayMs: 600_000, ...(n % 3 === 0 ? { queueName: elsewhere } : {}) }),
      );
      await world.engine.enqueue(done);
      const { seen, handle } = scripted(COMPLETE);
      const consumer = await world.consume(handle);
      await until(async () => (await stateOf(world, done.jobId)) === 'completed');
      await consumer.stop();
      await world.engine.enqueueMany([kept, ...many, { ...kept, data: { first: false } }, done]);
      await world.engine.enqueueMany([{ ...kept, data: { first: false } }, ...many]);
      expect(await world.engine.countJobs(world.queueName)).toMatchObject({
        waiting: 1,
        delayed: 800,
        completed: 1,
      });
      expect(await world.engine.countJobs(elsewhere)).toMatchObject({ waiting: 0, delayed: 400 });
      await world.consume(handle);
      await until(async () => (await stateOf(world, kept.jobId)) === 'completed');
      expect(seen.map(({ data }) => data)).toEqual([done.data, { first: true }]);
      await world.engine.enqueueMany([]);
    },
  },
  {
    name: 'enqueues none of many when one of them cannot be kept',
    check: async (world) => {
      const [good, bad] = [jobFor(world), jobFor(world, { data: { text: 'a\0b' } })];
      await expect(world.engine.enqueueMany([good, bad])).rejects.toMatchObject({
        code: 'invalid_input',
        violations: [{ path: '$.text' }],
      });
      expect(await stateOf(world, good.jobId)).toBeNull();
    },
  },
  {
    name: 'delivers each of 200 jobs to exactly one of two consumers',
    check: async (world) => {
      const jobs = Array.from({ length: 200 }, (_, n) => jobFor(world, { data: { n } }));
      const taken = [new Set<string>(), new Set<string>()];
      let deliveries = 0;
      for (const mine of taken)
        await world.consume(
          async ({ jobId }) => {
            deliveries += 1;
            mine.add(jobId);
            return COMPLETE;
          },
          { concurrency: 4, engine: world.newEngine() },
        );
      await Promise.all(jobs.map((job) => world.engine.enqueue(job)));
      await until(async () => (await world.engine.countJobs(world.queueName)).completed === 200);
      expect(deliveries).toBe(200);
      expect(taken.map(({ size }) => size > 0)).toEqual([true, true]);
      expect(new Set(taken.flatMap((mine) => [...mine])).size).toBe(200);
    },
  },
  {
    name: 'says how the engine is',
    check: async (world) => {
      const health = await world.engine.health();
      expect(health.ok).toBe(true);
      expect(health.detail).toMatch(/^(PostgreSQL|Redis|Valkey) \d+/);
    },
  },
];
