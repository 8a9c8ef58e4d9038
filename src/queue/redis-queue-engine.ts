import { createRedisBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { AppError, messageOf } from '#core/errors';
import type { BullConnection } from './bull-connection.ts';
import { EngineAwayError } from './engine-error.ts';
import { OPERATION_TIMEOUT_MS } from './engine-limits.ts';
import type { QueueHealth } from './queue-port.ts';
import { redisVersion, redisWarnings } from './redis-health.ts';
import { RedisSchedulerStore } from './redis-scheduler-store.ts';

/** The first word of a refusal is its code; these pass without anybody changing the program. */
const PASSING_REFUSALS = new Set([
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'NOREPLICAS',
  'OOM',
  'MISCONF',
  'BUSY',
  'CLUSTERDOWN',
]);

/** ioredis' own failures have no code, so their words must do. */
const CLIENT_FAILURES = new Set([
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Connection is closed.',
  'Command timed out',
]);

const reconnectDelayMs = (attempt: number): number => Math.min(attempt * 100, 2_000);

/**
 * Redis or Valkey as BullMQ's engine. One connection serves all queues and
 * fails at once when Redis is away; another serves all workers and waits for
 * it; each worker adds one of its own that blocks.
 */
export class RedisBullConnection implements BullConnection {
  readonly backend = 'redis';
  readonly prefix: string;
  readonly schedulers: RedisSchedulerStore;
  readonly #queues: Redis;
  readonly #workers: Redis;
  #ready: Promise<void> | undefined;

  constructor(options: {
    readonly redisUrl: string;
    readonly prefix: string;
    readonly onError: (error: Error) => void;
  }) {
    this.prefix = options.prefix;
    const url = checkedUrl(options.redisUrl);
    this.#queues = new Redis(url, {
      ...commonOptions('opsloop:queues'),
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      commandTimeout: OPERATION_TIMEOUT_MS,
    });
    this.#workers = new Redis(url, {
      ...commonOptions('opsloop:workers'),
      maxRetriesPerRequest: null,
    });
    this.schedulers = new RedisSchedulerStore(this.#queues, this.prefix);
    this.#queues.on('error', options.onError);
    this.#workers.on('error', options.onError);
  }

  readonly factory: BullConnection['factory'] = (name, options, extra) =>
    createRedisBackend(
      name,
      { ...options, connection: extra?.withBlockingConnection ? this.#workers : this.#queues },
      extra,
    );

  assertReachable(): void {
    if (this.#queues.status !== 'ready') throw new EngineAwayError('Redis is not connected');
  }

  async connect(): Promise<void> {
    if (this.#queues.status !== 'ready') await this.#nextReady();
  }

  async ping(): Promise<void> {
    await this.#queues.ping();
  }

  isAway(error: unknown): boolean {
    if (error instanceof EngineAwayError) return true;
    if (!(error instanceof Error)) return false;
    if (error.name === 'ReplyError')
      return PASSING_REFUSALS.has(messageOf(error).split(' ', 1)[0] ?? '');
    // A socket's failures have a code in letters, BullMQ's refusals a number.
    return (
      ('code' in error && typeof error.code === 'string') ||
      error.name === 'MaxRetriesPerRequestError' ||
      CLIENT_FAILURES.has(error.message) ||
      this.#queues.status !== 'ready'
    );
  }

  async health(): Promise<QueueHealth> {
    const info = await this.#queues.info();
    const warnings = redisWarnings({ info, save: await this.#snapshotRules() });
    return { ok: true, warnings, detail: redisVersion(info) };
  }

  async close(): Promise<void> {
    this.#queues.disconnect();
    this.#workers.disconnect();
  }

  /** Resolves when the connection is up; the caller has a deadline. One listener serves all who wait. */
  #nextReady(): Promise<void> {
    this.#ready ??= new Promise<void>((resolve) => {
      this.#queues.once('ready', resolve);
    }).finally(() => {
      this.#ready = undefined;
    });
    return this.#ready;
  }

  // CONFIG is often forbidden on a managed Redis, which then says nothing about snapshots.
  async #snapshotRules(): Promise<string | null> {
    try {
      const answer: unknown = await this.#queues.config('GET', 'save');
      return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : null;
    } catch {
      return null;
    }
  }
}

const commonOptions = (connectionName: string): RedisOptions => ({
  connectionName,
  connectTimeout: OPERATION_TIMEOUT_MS,
  keepAlive: 10_000,
  retryStrategy: reconnectDelayMs,
  // After a failover the old primary answers as a replica: connect again and repeat the command.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
});

// Neither the value nor the parser's error is quoted: the URL may hold a password.
const checkedUrl = (text: string): string => {
  const protocol = URL.canParse(text) ? new URL(text).protocol : undefined;
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw new AppError(
      'invalid_configuration',
      'REDIS_URL is not a Redis URL; accepted: redis://[user:password@]host[:port][/db] or rediss://… for TLS',
    );
  return text;
};
