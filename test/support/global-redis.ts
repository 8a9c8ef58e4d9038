import type { TestProject } from 'vitest/node';
import { RedisServer } from './redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly redisUrl: string;
  }
}

/** One Redis for the whole run: REDIS_URL where that is set, else a private one that keeps nothing. */
export const setup = async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
  const given = process.env['REDIS_URL'];
  if (given !== undefined && given !== '') {
    project.provide('redisUrl', given);
    return undefined;
  }
  const server = await RedisServer.create();
  project.provide('redisUrl', server.url);
  return () => server.destroy();
};
