import { expect, it } from 'vitest';
import { describeBareBullmq, YEARLY } from './bare-bullmq.ts';
import { until } from './queue-world.ts';

describeBareBullmq('ids that do not hold what they promise', (inWorld) => {
  it.concurrent(
    'row 16: a job id runs again each time that its job was removed on completion',
    inWorld(async (world) => {
      const seen: unknown[] = [];
      await world.work(async (job) => seen.push(job.data));
      for (const n of [1, 2, 3]) {
        await world.queue.add('task', { n }, { jobId: 'order-7', removeOnComplete: true });
        await until(() => seen.length === n);
        await until(async () => (await world.queue.getJobState('order-7')) === 'unknown');
      }
      expect(seen).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    }),
  );

  it.concurrent(
    'row 16: while it is kept, adding it again is ignored and answers a job all the same',
    inWorld(async (world) => {
      const seen: unknown[] = [];
      await world.work(async (job) => seen.push(job.data));
      await world.queue.add('task', { n: 1 }, { jobId: 'order-7' });
      await until(async () => (await world.queue.getJobState('order-7')) === 'completed');
      const again = await world.queue.add('task', { n: 2 }, { jobId: 'order-7' });
      expect(again).toMatchObject({ id: 'order-7', data: { n: 2 } });
      await world.queue.add('task', { n: 3 }, { jobId: 'order-8' });
      await until(async () => (await world.queue.getJobState('order-8')) === 'completed');
      expect(seen).toEqual([{ n: 1 }, { n: 3 }]);
      expect((await world.queue.getJob('order-7'))?.data).toEqual({ n: 1 });
    }),
  );

  it.concurrent(
    'row 16: ids of a colon or of digits alone are refused, three parts are not',
    inWorld(async (world) => {
      for (const jobId of ['a:b', 'a:b:c:d', '42'])
        await expect(world.queue.add('task', {}, { jobId })).rejects.toThrow(/Custom Id/);
      // Under such an id a job passes for one that a scheduler made.
      await world.queue.add('task', {}, { jobId: 'repeat:task:42' });
      expect(await world.queue.getJobState('repeat:task:42')).toBe('waiting');
    }),
  );

  it.concurrent(
    'row 19: a scheduler of a legacy shape without its data breaks every listing on Redis',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('good', YEARLY);
      for (const id of ['a:b:1:c:123', 'a:b::UTC:0 3 * * *']) {
        await world.queue.upsertJobScheduler(id, YEARLY);
        expect(await world.queue.getJobScheduler(id)).toMatchObject({ key: id });
        await world.queue.removeJobScheduler(id);
        await world.plantGhost(id);
        if (world.backend === 'redis')
          await expect(world.queue.getJobSchedulers()).rejects.toThrow(/Legacy repeatable job/);
        // There the data is part of the row, which is listed as it is.
        else
          expect(await world.queue.getJobSchedulers()).toMatchObject([
            { key: 'good' },
            { key: id },
          ]);
        expect(await world.queue.removeJobScheduler(id)).toBe(true);
      }
      expect((await world.queue.getJobSchedulers()).map(({ key }) => key)).toEqual(['good']);
    }),
  );

  it.concurrent(
    'row 19: a listing removes any other scheduler that lacks its data, on Redis',
    inWorld(async (world) => {
      await world.plantGhost('plain');
      const listed = (await world.queue.getJobSchedulers()).map(({ key }) => key);
      expect(listed).toEqual(world.backend === 'redis' ? [] : ['plain']);
      expect(await world.queue.getJobSchedulersCount()).toBe(world.backend === 'redis' ? 0 : 1);
    }),
  );
});
