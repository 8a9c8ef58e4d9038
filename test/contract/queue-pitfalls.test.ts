import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewScheduler } from '#queue/queue-port';
import {
  type OpenedBackend,
  openDisposableRedisBackend,
  openPostgresBackend,
  openRedisBackend,
} from './queue-backends.ts';
import { COMPLETE, inNewWorld, jobFor, type QueueWorld, scripted, until } from './queue-world.ts';

/**
 * What BullMQ does that a user of the engine must know of. When one of these
 * fails after an upgrade, the code that works around it can go or must change.
 */
const everySecond = (world: QueueWorld): NewScheduler => ({
  queueName: world.queueName,
  schedulerId: 'every_second',
  cron: '* * * * * *',
  timezone: 'UTC',
  jobName: 'sample_task',
  data: {},
  attempts: 1,
});

const yearly = (world: QueueWorld): NewScheduler => ({
  ...everySecond(world),
  schedulerId: 'yearly',
  cron: '0 0 1 1 *',
});

const onlyScheduler = async (world: QueueWorld) => {
  const [scheduler] = await world.engine.listSchedulers(world.queueName);
  if (scheduler?.nextAt === null || scheduler === undefined) throw new Error('no scheduler');
  return { ...scheduler, nextAt: scheduler.nextAt };
};

describe.each([
  { backend: 'redis', open: openRedisBackend },
  { backend: 'postgres', open: openPostgresBackend },
])('BullMQ on $backend', ({ open }) => {
  let opened: OpenedBackend;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  it('runs one overdue slot once, late, when nobody touched the scheduler', () =>
    inNewWorld(opened, async (world) => {
      await world.engine.upsertScheduler(everySecond(world));
      const due = (await onlyScheduler(world)).nextAt;
      await until(() => Date.now() > due.getTime() + 2_000);
      expect((await onlyScheduler(world)).nextAt).toEqual(due);
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await until(() => seen.length >= 2);
      expect(seen[0]?.scheduledSlot).toEqual(due);
      expect(seen[1]?.scheduledSlot?.getTime()).toBeGreaterThan(due.getTime() + 1_000);
    }));

  it('drops an overdue slot when the same scheduler is written again', () =>
    inNewWorld(opened, async (world) => {
      await world.engine.upsertScheduler(everySecond(world));
      const due = (await onlyScheduler(world)).nextAt;
      await until(() => Date.now() > due.getTime() + 1_000);
      await world.engine.upsertScheduler(everySecond(world));
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await until(() => seen.length >= 1);
      expect(seen[0]?.scheduledSlot?.getTime()).toBeGreaterThan(due.getTime());
    }));

  it('keeps a scheduler’s job from being removed', () =>
    inNewWorld(opened, async (world) => {
      await world.engine.upsertScheduler(yearly(world));
      const { nextAt } = await onlyScheduler(world);
      const ref = { queueName: world.queueName, jobId: `repeat:yearly:${nextAt.getTime()}` };
      expect(await world.engine.findState(ref)).toBe('delayed');
      expect(await world.engine.remove(ref)).toBe(false);
      expect(await world.engine.findState(ref)).toBe('delayed');
    }));

  it('runs a promoted slot ahead of time under its own slot, and cannot be armed for it again', () =>
    inNewWorld(opened, async (world) => {
      await world.engine.upsertScheduler(yearly(world));
      const { nextAt } = await onlyScheduler(world);
      const queue = await world.newEngine().bullQueue(world.queueName);
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await (await queue.getJob(`repeat:yearly:${nextAt.getTime()}`))?.promote();
      await until(() => seen.length === 1);
      expect(seen[0]?.scheduledSlot).toEqual(nextAt);
      await until(async () => (await world.engine.countJobs(world.queueName)).completed === 1);
      const ref = { queueName: world.queueName, schedulerId: 'yearly' };
      expect(await world.engine.removeScheduler(ref)).toBe(true);
      await expect(world.engine.upsertScheduler(yearly(world))).rejects.toMatchObject({
        code: 'conflict',
      });
    }));
});

describe('BullMQ on a Redis that lost its data', () => {
  it('says nothing, has no schedulers, and works on once they are written again', async () => {
    const server = await openDisposableRedisBackend();
    try {
      await inNewWorld(server, async (world) => {
        const { seen, handle } = scripted(COMPLETE);
        await world.consume(handle);
        await world.engine.upsertScheduler(everySecond(world));
        await until(() => seen.length >= 1);
        await server.loseData();
        expect(await world.engine.listSchedulers(world.queueName)).toEqual([]);
        const before = seen.length;
        await world.engine.upsertScheduler(everySecond(world));
        await until(() => seen.length > before + 1);
        const job = jobFor(world);
        await world.engine.enqueue(job);
        await until(() => seen.some(({ jobId }) => jobId === job.jobId));
        expect(world.errors.filter(({ message }) => !/lock|Missing|not in/i.test(message))).toEqual(
          [],
        );
      });
    } finally {
      await server.close();
    }
  });
});
