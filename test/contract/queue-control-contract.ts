import { expect } from 'vitest';
import type { Delivery } from '#queue/queue-port';
import {
  COMPLETE,
  type ContractCheck,
  jobFor,
  newJobId,
  scripted,
  stateOf,
  until,
} from './queue-world.ts';

/** Schedulers, states, counts and sharing. */
export const QUEUE_CONTROL_CONTRACT: readonly ContractCheck[] = [
  {
    name: 'fires a scheduler with its slot, the same on the retry',
    check: async (world) => {
      await world.engine.upsertScheduler({
        queueName: world.queueName,
        schedulerId: 'every_second',
        cron: '* * * * * *',
        timezone: 'UTC',
        jobName: 'sample_task',
        data: { from: 'template' },
        attempts: 3,
      });
      const seen: Delivery[] = [];
      await world.consume(async (delivery) => {
        seen.push(delivery);
        const again = seen.filter(({ jobId }) => jobId === delivery.jobId).length > 1;
        return again ? COMPLETE : { kind: 'retry', reason: 'once', delayMs: 1 };
      });
      await until(() => seen.length >= 6);
      expect(
        await world.engine.removeScheduler({
          queueName: world.queueName,
          schedulerId: 'every_second',
        }),
      ).toBe(true);
      const slots = new Map<string, Set<number>>();
      for (const { jobId, scheduledSlot, name, data } of seen) {
        expect(scheduledSlot).not.toBeNull();
        expect({ name, data }).toEqual({ name: 'sample_task', data: { from: 'template' } });
        expect((scheduledSlot?.getTime() ?? 1) % 1_000).toBe(0);
        slots.set(jobId, (slots.get(jobId) ?? new Set()).add(scheduledSlot?.getTime() ?? 0));
      }
      expect([...slots.values()].every((of) => of.size === 1)).toBe(true);
      const ordered = [...slots.values()].flatMap((of) => [...of]);
      expect(new Set(ordered).size).toBe(slots.size);
    },
  },
  {
    name: 'lists, replaces and removes schedulers',
    check: async (world) => {
      const scheduler = {
        queueName: world.queueName,
        schedulerId: 'daily_sample',
        cron: '30 2 * * *',
        timezone: 'Europe/Berlin',
        jobName: 'sample_task',
        data: { v: 1 },
        attempts: 3,
      };
      expect(await world.engine.listSchedulers(world.queueName)).toEqual([]);
      await world.engine.upsertScheduler(scheduler);
      await world.engine.upsertScheduler({ ...scheduler, cron: '0 3 * * *', data: { v: 2 } });
      const [live, ...others] = await world.engine.listSchedulers(world.queueName);
      expect(others).toEqual([]);
      expect(live).toMatchObject({
        queueName: world.queueName,
        schedulerId: 'daily_sample',
        cron: '0 3 * * *',
        everyMs: null,
        timezone: 'Europe/Berlin',
        jobName: 'sample_task',
        data: { v: 2 },
      });
      expect(live?.nextAt?.getTime()).toBeGreaterThan(Date.now());
      expect((await world.engine.countJobs(world.queueName)).delayed).toBe(1);
      const ref = { queueName: world.queueName, schedulerId: 'daily_sample' };
      expect(await world.engine.removeScheduler(ref)).toBe(true);
      expect(await world.engine.removeScheduler(ref)).toBe(false);
      expect((await world.engine.countJobs(world.queueName)).delayed).toBe(0);
    },
  },
  {
    name: 'refuses a schedule that it cannot read',
    check: async (world) => {
      const scheduler = {
        queueName: world.queueName,
        schedulerId: 'odd',
        cron: '0 0 31 2 *',
        timezone: 'UTC',
        jobName: 'sample_task',
        data: {},
        attempts: 1,
      };
      for (const wrong of [
        { cron: 'not a cron line' },
        { cron: '0 3 * * *', timezone: 'Mars/Olympus' },
      ])
        await expect(
          world.engine.upsertScheduler({ ...scheduler, ...wrong }),
        ).rejects.toMatchObject({
          code: 'invalid_input',
        });
      expect(await world.engine.listSchedulers(world.queueName)).toEqual([]);
    },
  },
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
    name: 'holds a paused queue and goes on when it is resumed',
    check: async (world) => {
      await world.engine.pauseQueue(world.queueName);
      const job = jobFor(world);
      await world.engine.enqueue(job);
      expect(await stateOf(world, job.jobId)).toBe('waiting');
      expect((await world.engine.countJobs(world.queueName)).waiting).toBe(1);
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      expect(seen).toEqual([]);
      await world.engine.resumeQueue(world.queueName);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
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
