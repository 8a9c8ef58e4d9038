import { describe, expect, it } from 'vitest';
import { redisVersion, redisWarnings } from './redis-health.ts';

const info = (facts: Readonly<Record<string, string>>): string =>
  ['# Server', ...Object.entries(facts).map(([key, value]) => `${key}:${value}`), ''].join('\r\n');

const SOUND = {
  redis_version: '7.0.15',
  aof_enabled: '1',
  aof_last_write_status: 'ok',
  rdb_last_bgsave_status: 'ok',
  maxmemory_policy: 'noeviction',
  role: 'master',
};

describe('redisWarnings', () => {
  it('has nothing to say of a sound Redis', () => {
    expect(redisWarnings({ info: info(SOUND), save: '3600 1' })).toEqual([]);
  });

  it.each([
    { facts: { aof_enabled: '0' }, save: '', says: /no persistence.*loses every queued job/ },
    { facts: { aof_enabled: '0' }, save: '3600 1', says: /snapshots only/ },
    { facts: { aof_enabled: '0' }, save: null, says: /snapshots only/ },
    { facts: { aof_last_write_status: 'err' }, save: '', says: /append-only file/ },
    { facts: { rdb_last_bgsave_status: 'err' }, save: '60 1', says: /last snapshot/ },
    { facts: { maxmemory_policy: 'allkeys-lru' }, save: '', says: /maxmemory-policy allkeys-lru/ },
    { facts: { role: 'slave' }, save: '', says: /replica/ },
  ])('warns of $facts with save "$save"', ({ facts, save, says }) => {
    const warnings = redisWarnings({ info: info({ ...SOUND, ...facts }), save });
    expect(warnings).toEqual([expect.stringMatching(says)]);
  });
});

describe('redisVersion', () => {
  it('tells Valkey, which also gives a Redis version, from Redis', () => {
    expect(redisVersion(info(SOUND))).toBe('Redis 7.0.15');
    expect(redisVersion(info({ ...SOUND, valkey_version: '8.1.0' }))).toBe('Valkey 8.1.0');
  });
});
