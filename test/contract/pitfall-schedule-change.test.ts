import { expect, it } from 'vitest';
import {
  type BareWorld,
  describeBareBullmq,
  EVERY_SECOND,
  nextSlotOf,
  promoteNext,
  slotOf,
  YEARLY,
} from './bare-bullmq.ts';
import { until } from './queue-world.ts';

const HOUR_MS = 3_600_000;

/** Runs the coming slot ahead of time to its end, and answers it. */
const runAhead = async (world: BareWorld): Promise<number> => {
  await world.queue.upsertJobScheduler('task', YEARLY);
  const slot = await promoteNext(world);
  const worker = await world.work(async () => undefined);
  await until(async () => (await world.queue.getCompletedCount()) === 1);
  await worker.close();
  return slot;
};

const idsIn = async (
  world: BareWorld,
  state: 'delayed' | 'completed' | 'active',
): Promise<readonly (string | undefined)[]> =>
  (await world.queue.getJobs([state])).map(({ id }) => id);

describeBareBullmq('a schedule that was changed', (inWorld) => {
  it.concurrent(
    'row 8: a schedule that is declared no more goes on firing',
    inWorld(async (world) => {
      // What a program does at its start, first with two tasks and then with one.
      const start = async (tasks: readonly string[]): Promise<void> => {
        const queue = world.newQueue();
        for (const task of tasks) await queue.upsertJobScheduler(task, EVERY_SECOND);
        await queue.close();
      };
      await start(['kept', 'dropped']);
      await start(['kept']);
      const seen: string[] = [];
      await world.work(async (job) => seen.push(job.name));
      await until(() => seen.filter((name) => name === 'dropped').length >= 2);
      const listed = await world.queue.getJobSchedulers();
      expect(listed.map(({ key }) => key).sort()).toEqual(['dropped', 'kept']);
    }),
  );

  it.concurrent(
    'row 9: from a pattern to an interval it fires at once',
    inWorld(async (world) => {
      const seen: number[] = [];
      await world.work(async (job) => seen.push(slotOf(job)));
      await world.queue.upsertJobScheduler('task', YEARLY);
      const before = Date.now();
      await world.queue.upsertJobScheduler('task', { every: HOUR_MS });
      await until(() => seen.length === 1);
      expect(seen[0]).toBeGreaterThanOrEqual(before);
      expect(seen[0]).toBeLessThan(before + 2_000);
      const live = await world.queue.getJobScheduler('task');
      expect(live).toMatchObject({ every: HOUR_MS });
      expect(live).not.toHaveProperty('pattern');
      expect(live).not.toHaveProperty('tz');
    }),
  );

  it.concurrent(
    'row 9: another pattern keeps the count of iterations, from an interval also its offset',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', { every: HOUR_MS, offset: 60_000 });
      await promoteNext(world);
      const worker = await world.work(async () => undefined);
      await until(async () => (await world.queue.getCompletedCount()) === 1);
      await worker.close();
      await world.queue.upsertJobScheduler('task', YEARLY);
      const live = await world.queue.getJobScheduler('task');
      expect(live).toMatchObject({ pattern: YEARLY.pattern, tz: 'UTC', iterationCount: 2 });
      expect(live).not.toHaveProperty('every');
      expect(live?.offset).toBe(world.backend === 'redis' ? 60_000 : 0);
    }),
  );

  it.concurrent(
    'row 10: removed and written again, a pattern collides with the kept job of its slot',
    inWorld(async (world) => {
      await runAhead(world);
      await world.queue.removeJobScheduler('task');
      await expect(world.queue.upsertJobScheduler('task', YEARLY)).rejects.toMatchObject({
        code: -10,
      });
      expect(await world.queue.getJobScheduler('task')).toBeUndefined();
    }),
  );

  it.concurrent(
    'row 10: an interval walks past kept jobs, 32 of them on Redis and one on PostgreSQL',
    inWorld(async (world) => {
      const startDate = Date.now() + HOUR_MS;
      const every = 60_000;
      const take = (slot: number) =>
        world.queue.add('kept', {}, { jobId: `repeat:task:${startDate + slot * every}` });
      const write = () => world.queue.upsertJobScheduler('task', { every, startDate });
      const walked = world.backend === 'redis' ? 32 : 1;
      for (let slot = 0; slot < walked; slot += 1) await take(slot);
      await write();
      expect(await nextSlotOf(world)).toBe(startDate + walked * every);
      await world.queue.removeJobScheduler('task');
      await take(walked);
      await expect(write()).rejects.toMatchObject({ code: -11 });
    }),
  );

  it.concurrent(
    'row 10: written again without a removal, the kept job is written over, on Redis into two states',
    inWorld(async (world) => {
      const slot = await runAhead(world);
      const jobId = `repeat:task:${slot}`;
      await world.queue.upsertJobScheduler('task', YEARLY);
      expect(await nextSlotOf(world)).toBe(slot);
      expect(await idsIn(world, 'delayed')).toEqual([jobId]);
      expect(await idsIn(world, 'completed')).toEqual(world.backend === 'redis' ? [jobId] : []);
    }),
  );

  it.concurrent(
    'row 10: written again without a removal, a running job is written over and its end lost on PostgreSQL',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', YEARLY);
      const slot = await promoteNext(world);
      const jobId = `repeat:task:${slot}`;
      const gate = world.newGate();
      const worker = await world.work(() => gate.opened);
      await until(async () => (await nextSlotOf(world)) > slot);
      await world.queue.upsertJobScheduler('task', YEARLY);
      expect(await idsIn(world, 'delayed')).toEqual([jobId]);
      expect(await idsIn(world, 'active')).toEqual(world.backend === 'redis' ? [jobId] : []);
      gate.open();
      await worker.close();
      expect(await idsIn(world, 'delayed')).toEqual([jobId]);
      expect(await idsIn(world, 'completed')).toEqual(world.backend === 'redis' ? [jobId] : []);
      expect(world.errors).toEqual([]);
    }),
  );
});
