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

/** A backend whose server the test may take away and give back; what was confirmed survives. */
export interface DisposableBackend extends OpenedBackend {
  crash(): Promise<void>;
  restart(): Promise<void>;
}

const redisBackend = (redisUrl: string): QueueBackend => {
  const prefix = testKeyPrefix();
  return {
    newEngine: (onError) => createQueueEngine({ redisUrl, prefix }, { onError }),
    address: { redisUrl, prefix },
    breakLock: async (queueName, jobId) => {
      const redis = new Redis(redisUrl);
      await redis.del(`${prefix}:${queueName}:${jobId}:lock`);
      redis.disconnect();
    },
  };
};

export const openRedisBackend = async (): Promise<OpenedBackend> => {
  const backend = redisBackend(sharedRedisUrl());
  return {
    ...backend,
    close: () => dropKeys(sharedRedisUrl(), backend.address['prefix'] ?? ''),
  };
};

export const openDisposableRedisBackend = async (): Promise<
  DisposableBackend & { loseData(): Promise<void> }
> => {
  const server = await startDisposableRedis({ appendOnly: true });
  return {
    ...redisBackend(server.url),
    crash: () => server.kill(),
    restart: () => server.start(),
    loseData: async () => {
      const redis = new Redis(server.url);
      await redis.flushall();
      redis.disconnect();
    },
    close: () => server.destroy(),
  };
};

const postgresBackend = (dsn: string): QueueBackend & { endPools(): Promise<void> } => {
  const pools: pg.Pool[] = [];
  return {
    newEngine: (onError) => {
      const pool = openBullPool({ dsn, maxConnections: 8 });
      pools.push(pool);
      return createQueueEngine({ pool }, { onError });
    },
    address: { dsn },
    breakLock: async (queueName, jobId) => {
      const client = new pg.Client(dsn);
      await client.connect();
      await client.query(
        "UPDATE bullmq.job SET lock_token = 'broken', locked_until_ms = 0 WHERE queue = $1 AND id = $2",
        [queueName, jobId],
      );
      await client.end();
    },
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
