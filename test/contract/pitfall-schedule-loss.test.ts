import { describe, expect, it } from 'vitest';
import {
  describeBareBullmq,
  EVERY_SECOND,
  inBareWorld,
  nextSlotOf,
  promoteNext,
  slotOf,
  untilPast,
  YEARLY,
} from './bare-bullmq.ts';
import { openDisposablePostgresBackend, openDisposableRedisBackend } from './queue-backends.ts';
import { until } from './queue-world.ts';

describeBareBullmq('slots that never run', (inWorld) => {
  it.concurrent(
    'row 1: writing the same pattern again drops the slot that is overdue',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      const due = await nextSlotOf(world);
      await untilPast(due);
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      expect(await world.queue.getJobState(`repeat:task:${due}`)).toBe('unknown');
      const seen: number[] = [];
      await world.work(async (job) => seen.push(slotOf(job)));
      await until(() => seen.length >= 1);
      expect(seen[0]).toBeGreaterThan(due);
    }),
  );

  it.concurrent(
    'row 1: writing the same pattern again drops a due slot that is queued behind a busy worker',
    inWorld(async (world) => {
      const gate = world.newGate();
      const seen: number[] = [];
      const worker = await world.work(async (job) => {
        if (job.name === 'busy') await gate.opened;
        else seen.push(slotOf(job));
      });
      const busy = await world.queue.add('busy', {});
      await until(async () => (await busy.getState()) === 'active');
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      const due = await nextSlotOf(world);
      await untilPast(due);
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      gate.open();
      await until(() => seen.length >= 1);
      await worker.close();
      expect(seen[0]).toBeGreaterThan(due);
    }),
  );

  it.concurrent(
    'row 1: writing the same interval again keeps the slot that is overdue',
    inWorld(async (world) => {
      const hourly = { every: 3_600_000 };
      await world.queue.upsertJobScheduler('task', hourly);
      const due = await nextSlotOf(world);
      await untilPast(due);
      await world.queue.upsertJobScheduler('task', hourly);
      expect(await nextSlotOf(world)).toBe(due);
      const seen: number[] = [];
      await world.work(async (job) => seen.push(slotOf(job)));
      await until(() => seen.length === 1);
      expect(seen).toEqual([due]);
    }),
  );

  it.concurrent(
    'row 5: slots that fall due while the job runs leave no trace',
    inWorld(async (world) => {
      const seen: number[] = [];
      await world.work(async (job) => {
        seen.push(slotOf(job));
        // As a job of 3.5 s does; the slot after it is the last one that is kept.
        if (seen.length === 1) await untilPast(slotOf(job) + 3_500);
      });
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      await until(() => seen.length >= 3);
      const [, second = 0, third = 0] = seen;
      const lost: number[] = [];
      for (let slot = second + 1_000; slot < third; slot += 1_000) lost.push(slot);
      expect(lost.length).toBeGreaterThanOrEqual(2);
      for (const slot of lost)
        expect(await world.queue.getJobState(`repeat:task:${slot}`)).toBe('unknown');
    }),
  );

  it.concurrent(
    'row 5: of the slots that fall due while nothing runs, the first is run, late, and no other',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      const due = await nextSlotOf(world);
      await untilPast(due + 3_000);
      expect(await nextSlotOf(world)).toBe(due);
      const seen: number[] = [];
      await world.work(async (job) => seen.push(slotOf(job)));
      await until(() => seen.length >= 2);
      expect(seen[0]).toBe(due);
      expect(seen[1]).toBeGreaterThan(due + 3_000);
    }),
  );

  it.concurrent(
    'row 7: a job that stands where the next one belongs ends the chain without an error',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', YEARLY);
      const slot = await nextSlotOf(world);
      const following = Date.UTC(new Date(slot).getUTCFullYear() + 1, 0);
      await world.queue.add('stray', {}, { jobId: `repeat:task:${following}`, delay: 1e9 });
      const events = await world.listen();
      const duplicated: string[] = [];
      events.on('duplicated', ({ jobId }) => duplicated.push(jobId));
      await promoteNext(world);
      const seen: number[] = [];
      await world.work(async (job) => seen.push(slotOf(job)));
      await until(async () => (await world.queue.getCompletedCount()) === 1);
      expect(seen).toEqual([slot]);
      // The scheduler stays at a slot whose job has ended, and looks well.
      expect(await nextSlotOf(world)).toBe(slot);
      expect((await world.queue.getDelayed()).map(({ name }) => name)).toEqual(['stray']);
      await until(() => duplicated.length > 0);
      expect(duplicated).toEqual([`repeat:task:${following}`]);
      expect(world.errors).toEqual([]);
    }),
  );

  it.concurrent(
    'row 7: a scheduler whose job is gone is listed and never fires',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', EVERY_SECOND);
      const slot = await nextSlotOf(world);
      await world.loseJob(`repeat:task:${slot}`);
      const seen: number[] = [];
      await world.work(async (job) => seen.push(slotOf(job)));
      await untilPast(slot + 2_500);
      expect(seen).toEqual([]);
      expect(await nextSlotOf(world)).toBe(slot);
      expect(world.errors).toEqual([]);
    }),
  );
});

describe('an engine that lost its data: bare BullMQ', () => {
  it('row 6: on an emptied Redis nothing runs and nobody says so, until somebody upserts', async () => {
    const server = await openDisposableRedisBackend();
    try {
      await inBareWorld(server, async (world) => {
        const seen: number[] = [];
        await world.work(async (job) => seen.push(slotOf(job)));
        await world.queue.upsertJobScheduler('task', EVERY_SECOND);
        await until(async () => (await world.queue.getCompletedCount()) >= 1);
        await server.loseData();
        const before = seen.length;
        expect(await world.queue.getJobSchedulers()).toEqual([]);
        await untilPast(Date.now() + 2_500);
        expect(seen.length).toBe(before);
        expect(world.errors).toEqual([]);
        await world.queue.upsertJobScheduler('task', EVERY_SECOND);
        await until(() => seen.length > before);
      });
    } finally {
      await server.close();
    }
  });

  it('row 6: a Redis without persistence comes back without schedulers', async () => {
    const server = await openDisposableRedisBackend({ appendOnly: false });
    try {
      await inBareWorld(server, async (world) => {
        await world.queue.upsertJobScheduler('task', YEARLY);
        await server.crash();
        await server.restart();
        expect(await world.queue.getJobSchedulers()).toEqual([]);
        expect(await world.queue.getDelayedCount()).toBe(0);
      });
    } finally {
      await server.close();
    }
  });

  it('row 6: a PostgreSQL that was killed comes back with its schedulers, which go on', async () => {
    const server = await openDisposablePostgresBackend();
    try {
      let due = 0;
      await inBareWorld(server, async (world) => {
        await world.queue.upsertJobScheduler('task', EVERY_SECOND);
        due = await nextSlotOf(world);
        await server.crash();
        await server.restart();
        const seen: number[] = [];
        await world.work(async (job) => seen.push(slotOf(job)));
        await until(() => seen.length >= 2);
        expect(seen[0]).toBe(due);
      });
    } finally {
      await server.close();
    }
  });
});
