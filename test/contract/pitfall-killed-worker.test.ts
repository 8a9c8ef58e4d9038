import { expect, it } from 'vitest';
import {
  type BareWorld,
  describeBareBullmq,
  outputOf,
  promoteNext,
  QUICK,
  YEARLY,
} from './bare-bullmq.ts';
import { until } from './queue-world.ts';

/** Lets one worker process after the other take the job and die of it; each one's last words. */
const killWorkers = async (world: BareWorld, count: number): Promise<readonly string[]> => {
  const words: string[] = [];
  for (let at = 0; at < count; at += 1) words.push(await outputOf(world.startChild('die', QUICK)));
  return words;
};

describeBareBullmq('a job that kills its worker', (inWorld) => {
  it.concurrent(
    'row 2: a scheduled job is started for ever, whatever maxStalledCount says',
    inWorld(async (world) => {
      await world.queue.upsertJobScheduler('task', YEARLY, { opts: { attempts: 1 } });
      const jobId = `repeat:task:${await promoteNext(world)}`;
      // QUICK allows to stall once; 10 starts in 22 s were seen with nothing to end them.
      expect(await killWorkers(world, 4)).toEqual(
        [1, 2, 3, 4].map((start) => `started ${jobId} ${start}`),
      );
      expect(await world.queue.getJobState(jobId)).toBe('active');
      const job = await world.queue.getJob(jobId);
      expect(job).toMatchObject({ stalledCounter: 3, attemptsStarted: 4, attemptsMade: 0 });
    }),
  );

  it.concurrent(
    'row 2: a plain job fails once it stalled more often than maxStalledCount',
    inWorld(async (world) => {
      const job = await world.queue.add('task', {}, { jobId: 'plain', attempts: 1 });
      expect(await killWorkers(world, 3)).toEqual([
        'started plain 1',
        'started plain 2',
        'failed plain job stalled more than allowable limit',
      ]);
      await until(async () => (await job.getState()) === 'failed');
    }),
  );

  it.concurrent(
    'row 3: a job with one attempt runs again after its worker was killed',
    inWorld(async (world) => {
      await world.queue.add('task', {}, { jobId: 'once', attempts: 1 });
      expect(await killWorkers(world, 1)).toEqual(['started once 1']);
      const seen: object[] = [];
      await world.work(async ({ attemptsMade, attemptsStarted, opts }) => {
        seen.push({ attemptsMade, attemptsStarted, attempts: opts.attempts });
      }, QUICK);
      await until(() => seen.length === 1);
      // attemptsStarted counts what attemptsMade does not.
      expect(seen).toEqual([{ attemptsMade: 0, attemptsStarted: 2, attempts: 1 }]);
    }),
  );
});
