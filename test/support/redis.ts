import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { RedisServer, type RedisServerOptions } from './redis-server.ts';

/** The Redis that all tests of a run share; take a `testKeyPrefix` of your own in it. */
export const sharedRedisUrl = (): string => inject('redisUrl');

/** First part of the keys of one test, which nobody else uses. */
export const testKeyPrefix = (): string => `test-${randomUUID().slice(0, 18)}`;

/** Deletes every key under the prefix, for a Redis that outlives the tests. */
export const dropKeys = async (redisUrl: string, prefix: string): Promise<void> => {
  const redis = new Redis(redisUrl);
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 }))
      if (Array.isArray(keys) && keys.length > 0) await redis.unlink(...keys.map(String));
  } finally {
    redis.disconnect();
  }
};

/** A Redis for one test to stop, kill and start again on the same port; `destroy` it in the end. */
export const startDisposableRedis = (options: RedisServerOptions = {}): Promise<RedisServer> =>
  RedisServer.create(options);
