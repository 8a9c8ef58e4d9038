import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { type BullmqQueueEngine, createQueueEngine } from '#queue/create-queue-engine';
import type { Database } from '#storage/database';
import { purgeScratch } from '#storage/duckdb/purge-scratch';
import {
  type EmbeddedPostgres,
  startOrAttachEmbeddedPostgres,
} from '#storage/postgres/embedded-postgres';
import { openBullPool, openDatabase } from '#storage/postgres/postgres-database';
import type { Logger } from '#telemetry/logger';

/** Connections of this process besides BullMQ's: ledger, stores, gateway. */
const DATABASE_CONNECTIONS = 10;
/** BullMQ on PostgreSQL keeps one connection per consumed queue for LISTEN and needs a few to work with. */
const SPARE_BULL_CONNECTIONS = 10;

export interface Engines {
  readonly dsn: string;
  readonly database: Database;
  readonly queue: BullmqQueueEngine;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `own`: the one long-lived system of a data directory. `attach-or-own`: a command beside it. */
  readonly mode: 'own' | 'attach-or-own';
  /** Queues that this process consumes. */
  readonly consumedQueues: number;
}

/** Where analytics spill what does not fit into memory. */
export const scratchDirectory = (settings: Settings): string => path.join(settings.dataDir, 'tmp');

const NO_DATABASE =
  'no database: set DATABASE_URL (or POSTGRES_DSN, or DB_HOST and the other DB_* variables), or leave OPSLOOP_EMBEDDED on';

/** The DSN of the ledger, starting or joining the embedded server where no other is configured. */
export const openDsn = async (
  options: Omit<EngineOptions, 'consumedQueues'>,
): Promise<{ readonly dsn: string; readonly embedded: EmbeddedPostgres | null }> => {
  const { settings, logger, clock, mode } = options;
  if (settings.database.url !== null) return { dsn: settings.database.url, embedded: null };
  if (!settings.database.embedded) throw new AppError('invalid_configuration', NO_DATABASE);
  const embedded = await startOrAttachEmbeddedPostgres({
    dataDir: settings.dataDir,
    mode,
    clock,
    logger,
  });
  return { dsn: embedded.dsn, embedded };
};

/** Opens what needs no answer from a server yet; only the embedded PostgreSQL is waited for. */
export const openEngines = async (options: EngineOptions): Promise<Engines> => {
  const { settings, logger, clock, consumedQueues } = options;
  const { dsn, embedded } = await openDsn(options);
  // Made here and not by the first run that spills to disk, which may be a dry-run.
  await mkdir(scratchDirectory(settings), { recursive: true, mode: 0o700 });
  await purgeScratch(scratchDirectory(settings));
  const database = openDatabase({
    dsn,
    maxConnections: DATABASE_CONNECTIONS,
    applicationName: 'opsloop',
    clock,
  });
  const pool =
    settings.redisUrl === null
      ? openBullPool({ dsn, maxConnections: consumedQueues + SPARE_BULL_CONNECTIONS })
      : null;
  const queue = createQueueEngine(
    pool === null ? { redisUrl: settings.redisUrl ?? '', prefix: settings.queuePrefix } : { pool },
    {
      clock,
      onError: (error) => {
        logger.warn({ err: error }, 'queue engine');
      },
    },
  );
  return {
    dsn,
    database,
    queue,
    async close() {
      await queue.close();
      await pool?.end();
      await database.close();
      await embedded?.stop();
    },
  };
};
