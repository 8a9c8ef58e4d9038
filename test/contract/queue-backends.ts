import { Redis } from 'ioredis';
import pg from 'pg';
import { createQueueEngine } from '#queue/create-queue-engine';
import { openBullPool } from '#storage/postgres/postgres-database';
import { createTestDatabase, startDisposablePostgres } from '../support/postgres.ts';
import { dropKeys, sharedRedisUrl, startDisposableRedis, testKeyPrefix } from '../support/redis.ts';
import type { QueueBackend } from './queue-world.ts';

export interface OpenedBackend extends QueueBackend {
  close(): Promise<void>;
}

/** A backend whose server the test may take away and give back; what was confirmed survives, unless said otherwise. */
export interface DisposableBackend extends OpenedBackend {
  crash(): Promise<void>;
  restart(): Promise<void>;
}

const onRedis = async (
  redisUrl: string,
  work: (redis: Redis) => Promise<unknown>,
): Promise<void> => {
  const redis = new Redis(redisUrl);
  try {
    await work(redis);
  } finally {
    redis.disconnect();
  }
};

const redisBackend = (redisUrl: string): QueueBackend => {
  const prefix = testKeyPrefix();
  return {
    newEngine: (onError, options) =>
      createQueueEngine({ redisUrl, prefix }, { ...options, onError }),
    address: { redisUrl, prefix },
    breakLock: (queueName, jobId) =>
      onRedis(redisUrl, (redis) => redis.del(`${prefix}:${queueName}:${jobId}:lock`)),
    loseJob: (queueName, jobId) =>
      onRedis(redisUrl, (redis) =>
        redis
          .multi()
          .zrem(`${prefix}:${queueName}:delayed`, jobId)
          .del(`${prefix}:${queueName}:${jobId}`)
          .exec(),
      ),
    plantGhost: (queueName, schedulerId) =>
      onRedis(redisUrl, (redis) => redis.zadd(`${prefix}:${queueName}:repeat`, 1, schedulerId)),
  };
};

export const openRedisBackend = async (): Promise<OpenedBackend> => {
  const backend = redisBackend(sharedRedisUrl());
  return {
    ...backend,
    close: () => dropKeys(sharedRedisUrl(), backend.address['prefix'] ?? ''),
  };
};

/** Without `appendOnly` nothing survives a crash. */
export const openDisposableRedisBackend = async ({
  appendOnly = true,
} = {}): Promise<DisposableBackend & { loseData(): Promise<void> }> => {
  const server = await startDisposableRedis({ appendOnly });
  return {
    ...redisBackend(server.url),
    crash: () => server.kill(),
    restart: () => server.start(),
    loseData: () => onRedis(server.url, (redis) => redis.flushall()),
    close: () => server.destroy(),
  };
};

const onPostgres = async (
  dsn: string,
  statement: string,
  values: readonly string[],
): Promise<void> => {
  const client = new pg.Client(dsn);
  await client.connect();
  try {
    await client.query(statement, [...values]);
  } finally {
    await client.end();
  }
};

const postgresBackend = (dsn: string): QueueBackend & { endPools(): Promise<void> } => {
  const pools: pg.Pool[] = [];
  return {
    newEngine: (onError, options) => {
      const pool = openBullPool({ dsn, maxConnections: 8 });
      pools.push(pool);
      return createQueueEngine({ pool }, { ...options, onError });
    },
    address: { dsn },
    breakLock: (...job) =>
      onPostgres(
        dsn,
        "UPDATE bullmq.job SET lock_token = 'broken', locked_until_ms = 0 WHERE queue = $1 AND id = $2",
        job,
      ),
    loseJob: (...job) =>
      onPostgres(dsn, 'DELETE FROM bullmq.job WHERE queue = $1 AND id = $2', job),
    plantGhost: (...scheduler) =>
      onPostgres(
        dsn,
        'INSERT INTO bullmq.scheduler (queue, scheduler_id, next_run_ms) VALUES ($1, $2, 1)',
        scheduler,
      ),
    endPools: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
};

export const openPostgresBackend = async (): Promise<OpenedBackend> => {
  const { dsn, drop } = await createTestDatabase({ template: 'empty', maxConnections: 1 });
  const backend = postgresBackend(dsn);
  return {
    ...backend,
    close: async () => {
      await backend.endPools();
      await drop();
    },
  };
};

export const openDisposablePostgresBackend = async (): Promise<DisposableBackend> => {
  const server = await startDisposablePostgres();
  const backend = postgresBackend(server.dsn);
  return {
    ...backend,
    crash: () => server.kill9(),
    restart: () => server.start(),
    close: async () => {
      await backend.endPools();
      await server.dispose();
    },
  };
};
