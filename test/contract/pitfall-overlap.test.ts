import { expect, it } from 'vitest';
import { describeBareBullmq, EVERY_SECOND, slotOf } from './bare-bullmq.ts';
import { until } from './queue-world.ts';

describeBareBullmq('runs of one schedule at the same time', (inWorld) => {
  for (const { runs, opts } of [
    { runs: 'runs that last long overlap', opts: {} },
    // The type of a template leaves this option out, which is all that tells of it.
    { runs: 'runs overlap in spite of deduplication', opts: { deduplication: { id: 'task' } } },
  ] satisfies readonly { readonly runs: string; readonly opts: object }[])
    it.concurrent(
      `row 4: ${runs}`,
      inWorld(async (world) => {
        const gate = world.newGate();
        const running: number[] = [];
        await world.work(
          async (job) => {
            running.push(slotOf(job));
            await gate.opened;
          },
          { concurrency: 10 },
        );
        await world.queue.upsertJobScheduler('task', EVERY_SECOND, { opts: opts as object });
        await until(() => running.length >= 3);
        await world.queue.removeJobScheduler('task');
        // All of them still run, each for a slot of its own.
        expect(new Set(running).size).toBe(running.length);
        gate.open();
      }),
    );

  it.concurrent(
    'row 4: the retry of an old run comes between newer ones',
    inWorld(async (world) => {
      const seen: number[] = [];
      await world.work(async (job) => {
        seen.push(slotOf(job));
        if (seen.length === 1) throw new Error('the first time');
      });
      await world.queue.upsertJobScheduler('task', EVERY_SECOND, {
        opts: { attempts: 2, backoff: { type: 'fixed', delay: 1_500 } },
      });
      const retriedAt = (): number => seen.lastIndexOf(seen[0] ?? 0);
      await until(() => retriedAt() > 0 && seen.length > retriedAt() + 1);
      const [first = 0, second] = seen;
      expect(second).toBeGreaterThan(first);
      expect(seen[retriedAt() + 1]).toBeGreaterThan(first);
    }),
  );
});
