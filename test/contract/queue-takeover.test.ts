import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { LOCK_DURATION_MS, MAX_STALLED_COUNT, STALLED_INTERVAL_MS } from '#queue/engine-limits';
import type { Delivery } from '#queue/queue-port';
import { type OpenedBackend, openPostgresBackend, openRedisBackend } from './queue-backends.ts';
import { COMPLETE, inNewWorld, jobFor, until } from './queue-world.ts';

const TAKEOVER_LIMIT_MS = 25_000;

const startHolder = async (backend: OpenedBackend, queueName: string): Promise<ChildProcess> => {
  const script = path.join(packageRoot(), 'test/contract/bullmq-child.mjs');
  const options = {
    lockDuration: LOCK_DURATION_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
  };
  const child = spawn(
    process.execPath,
    [script, JSON.stringify({ queueName, address: backend.address, act: 'hold', options })],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child.stdout, 'data');
  return child;
};

/** Holds a job in another process, kills that, and tells how the job comes back. */
const takeOver = (backend: OpenedBackend, make: 'job' | 'scheduled job'): Promise<void> =>
  inNewWorld(backend, async (world) => {
    const job = jobFor(world, { attempts: 1 });
    if (make === 'job') await world.engine.enqueue(job);
    else
      await world.engine.upsertScheduler({
        queueName: world.queueName,
        schedulerId: 'once_a_second',
        cron: '* * * * * *',
        timezone: 'UTC',
        jobName: 'sample_task',
        data: {},
        attempts: 1,
      });
    const holder = await startHolder(backend, world.queueName);
    try {
      // The next slot waits behind nothing else than the held one.
      if (make === 'scheduled job')
        await world.engine.removeScheduler({
          queueName: world.queueName,
          schedulerId: 'once_a_second',
        });
      const seen: Delivery[] = [];
      await world.consume(async (delivery) => {
        seen.push(delivery);
        return COMPLETE;
      });
      const exited = once(holder, 'exit');
      holder.kill('SIGKILL');
      await exited;
      await until(() => seen.some(({ stalledCount }) => stalledCount === 1), TAKEOVER_LIMIT_MS);
      const again = seen.find(({ stalledCount }) => stalledCount === 1);
      expect(again).toMatchObject({ attemptsStarted: 2 });
      expect(again?.scheduledSlot === null).toBe(make === 'job');
      await until(async () => {
        const ref = { queueName: world.queueName, jobId: again?.jobId ?? '' };
        return (await world.engine.findState(ref)) === 'completed';
      });
    } finally {
      holder.kill('SIGKILL');
    }
  });

describe('a consumer killed with kill -9', () => {
  const opened: OpenedBackend[] = [];
  beforeAll(async () => {
    opened.push(await openRedisBackend(), await openPostgresBackend());
  });
  afterAll(() => Promise.all(opened.map((backend) => backend.close())));

  it.concurrent.each([
    { backend: 'redis', at: 0, make: 'job' },
    { backend: 'redis', at: 0, make: 'scheduled job' },
    { backend: 'postgres', at: 1, make: 'job' },
    { backend: 'postgres', at: 1, make: 'scheduled job' },
  ] as const)('loses its $make to another within 25 s on $backend', async ({ at, make }) => {
    const backend = opened[at];
    if (backend === undefined) throw new Error('backend not open');
    await takeOver(backend, make);
  });
});
