import pg from 'pg';
import { columnTypes, withSessionSettings } from './session-settings.ts';

// Seconds, not the two hours that an operating system takes by default, until a
// peer that vanished without a word is noticed.
const KEEP_ALIVE_DELAY_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface PoolOptions {
  readonly dsn: string;
  /** From 1. */
  readonly maxConnections: number;
  /** What `pg_stat_activity` shows. */
  readonly applicationName: string;
  /** Bounds the wait for a connection, free or new. Default 5,000. */
  readonly connectTimeoutMs?: number;
  readonly searchPath?: string;
}

export const clientConfig = (options: Omit<PoolOptions, 'maxConnections'>): pg.ClientConfig => ({
  connectionString: withSessionSettings(options.dsn, {
    timezone: 'UTC',
    ...(options.searchPath === undefined ? {} : { search_path: options.searchPath }),
  }),
  application_name: options.applicationName,
  connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
});

/** A pool that no broken connection can crash the process with, idle or in use. */
export const openPool = (options: PoolOptions): pg.Pool => {
  const pool = new pg.Pool({
    ...clientConfig(options),
    types: columnTypes,
    max: options.maxConnections,
    idleTimeoutMillis: 30_000,
  });
  // The statement that was running rejects with the same fault, and an idle
  // connection is replaced at the next use: nothing is left to do here.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
};

/**
 * The pool that BullMQ's PostgreSQL backend works on: its tables are found by
 * search_path. Column types stay the driver's own, which BullMQ expects. Each
 * worker keeps one connection of it for LISTEN, so size it workers + 10.
 */
export const openBullPool = (options: {
  readonly dsn: string;
  readonly maxConnections: number;
}): pg.Pool => {
  const pool = new pg.Pool({
    ...clientConfig({ ...options, applicationName: 'opsloop-queue', searchPath: 'bullmq' }),
    max: options.maxConnections,
  });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
};
