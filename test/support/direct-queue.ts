import { createPostgresBackend, createRedisBackend, type PgPool, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { BullQueue } from '#queue/bull-connection';

/** BullMQ's own queue on the engine that the environment of a process names, with nothing of this project between. */
export const withDirectQueue = async (
  env: Readonly<Record<string, string>>,
  queueName: string,
  work: (queue: BullQueue) => Promise<void>,
): Promise<void> => {
  const { REDIS_URL, QUEUE_PREFIX, DATABASE_URL } = env;
  const redis = REDIS_URL === undefined ? null : new Redis(REDIS_URL);
  const pool = new pg.Pool({
    connectionString: DATABASE_URL,
    options: '-c search_path=bullmq',
    max: 4,
  });
  const queue: BullQueue =
    redis === null
      ? new Queue(queueName, { connection: {} }, (name, options, extra) =>
          // The overloads of its `on` do not fit the type that BullMQ gives a pool.
          createPostgresBackend(name, { ...options, connection: pool as unknown as PgPool }, extra),
        )
      : new Queue(
          queueName,
          { connection: {}, ...(QUEUE_PREFIX === undefined ? {} : { prefix: QUEUE_PREFIX }) },
          (name, options, extra) =>
            createRedisBackend(name, { ...options, connection: redis }, extra),
        );
  try {
    await work(queue);
  } finally {
    await queue.close();
    redis?.disconnect();
    await pool.end();
  }
};
