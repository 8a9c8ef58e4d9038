import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresSchedulerStore } from '#queue/postgres-scheduler-store';
import { ReconnectingPool } from '#queue/reconnecting-pool';
import { RedisSchedulerStore } from '#queue/redis-scheduler-store';
import { slotJobId } from '#queue/scheduled-slot';
import { openBullPool } from '#storage/postgres/postgres-database';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from '../support/redis.ts';

import { openPostgresBackend } from './queue-backends.ts';
import { inNewWorld, onlyScheduler, schedulerFor, stateOf } from './queue-world.ts';

// What only Redis can hold, since nothing ties its keys together.
describe('schedulers in a Redis that was written by hand', () => {
  const prefix = testKeyPrefix();
  let redis: Redis;
  let store: RedisSchedulerStore;
  beforeAll(() => {
    redis = new Redis(sharedRedisUrl());
    store = new RedisSchedulerStore(redis, prefix);
  });
  afterAll(async () => {
    await dropKeys(sharedRedisUrl(), prefix);
    redis.disconnect();
  });

  const key = (queue: string, name: string): string => `${prefix}:${queue}:${name}`;

  it('does not take a job for there whose data is gone', async () => {
    await redis.zadd(key('gone', 'delayed'), 1, 'job');
    expect(await store.readStates('gone', ['job'])).toEqual([null]);
  });

  it('removes a finished job with what belongs to it', async () => {
    const parts = ['', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful'];
    for (const part of parts) await redis.set(key('done', `job${part}`), 'x');
    await redis.zadd(key('done', 'failed'), 1, 'job');
    expect(await store.removeFinished('done', 'job')).toBe(true);
    expect(await redis.keys(key('done', '*'))).toEqual([]);
    expect(await store.removeFinished('done', 'job')).toBe(false);
  });

  it.each(['delayed', 'prioritized', 'active', 'wait', 'paused'])(
    'keeps a job that is finished and %s at once',
    async (state) => {
      const queue = `both-${state}`;
      await redis.set(key(queue, 'job'), 'x');
      await redis.zadd(key(queue, 'completed'), 1, 'job');
      if (state === 'delayed' || state === 'prioritized')
        await redis.zadd(key(queue, state), 1, 'job');
      else await redis.lpush(key(queue, state), 'job');
      expect(await store.readStates(queue, ['job'])).toEqual([state]);
      expect(await store.removeFinished(queue, 'job')).toBe(false);
      expect(await redis.exists(key(queue, 'job'))).toBe(1);
    },
  );

  it('lists schedulers whose data is of another kind', async () => {
    await redis.zadd(key('odd', 'repeat'), 1, 'a-list', 2, 'no-json', 3.5, 'no-instant');
    await redis.lpush(key('odd', 'repeat:a-list'), 'x');
    await redis.hset(key('odd', 'repeat:no-json'), { data: '{', opts: '3', every: 'x', ic: 1 });
    const found = await store.listSchedulers('odd');
    expect(found.map(({ schedulerId }) => schedulerId)).toEqual([
      'a-list',
      'no-json',
      'no-instant',
    ]);
    const nothing = { jobName: null, pattern: null, everyMs: null, timezone: null, data: {} };
    for (const each of found)
      expect(each).toMatchObject({ ...nothing, attempts: null, slotState: null });
    expect(found.map(({ nextMs }) => nextMs)).toEqual([1, 2, null]);
  });
});

describe('schedulers in PostgreSQL', () => {
  it('keep a job that is not finished', async () => {
    const backend = await openPostgresBackend();
    const pool = openBullPool({ dsn: backend.address['dsn'] ?? '', maxConnections: 1 });
    const store = new PostgresSchedulerStore(new ReconnectingPool(pool));
    try {
      await inNewWorld(backend, async (world) => {
        await world.engine.upsertScheduler(schedulerFor(world));
        const jobId = slotJobId('yearly', (await onlyScheduler(world)).nextAt.getTime());
        expect(await store.removeFinished(world.queueName, jobId)).toBe(false);
        expect(await stateOf(world, jobId)).toBe('delayed');
      });
    } finally {
      await pool.end();
      await backend.close();
    }
  });
});
