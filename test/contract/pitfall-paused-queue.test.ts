import { expect, it } from 'vitest';
import { describeBareBullmq, EVERY_SECOND, nextSlotOf, slotOf, untilPast } from './bare-bullmq.ts';
import { until } from './queue-world.ts';

describeBareBullmq('a paused queue', (inWorld) => {
  it.concurrent(
    'row 15: a pause holds every schedule of the queue, and runs one slot of each late',
    inWorld(async (world) => {
      const seen: { name: string; slot: number }[] = [];
      await world.work(async (job) => seen.push({ name: job.name, slot: slotOf(job) }));
      await world.queue.pause();
      const names = ['one', 'other'];
      for (const name of names) await world.queue.upsertJobScheduler(name, EVERY_SECOND);
      const held = await Promise.all(names.map((name) => nextSlotOf(world, name)));
      await untilPast(Math.max(...held) + 2_000);
      expect(seen).toEqual([]);
      const resumedAt = Date.now();
      await world.queue.resume();
      await until(() => names.every((name) => seen.filter((run) => run.name === name).length > 1));
      for (const [at, name] of names.entries()) {
        const [late, next] = seen.filter((run) => run.name === name);
        expect(late?.slot).toBe(held[at]);
        expect(next?.slot).toBeGreaterThan(resumedAt);
      }
    }),
  );

  it.concurrent(
    'row 19: there is no count of the paused',
    inWorld(async (world) => {
      await world.queue.pause();
      await world.queue.add('task', {});
      const counts = await world.queue.getJobCounts();
      expect(counts).not.toHaveProperty('paused');
      // PostgreSQL counts it under `paused`, which the queue does not ask for.
      expect(counts['waiting']).toBe(world.backend === 'redis' ? 1 : 0);
    }),
  );
});
