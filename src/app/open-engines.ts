import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { nextOccurrence } from '#occurrences/occurrence-times';
import { type BullmqQueueEngine, createQueueEngine } from '#queue/create-queue-engine';
import { MAX_OWN_QUEUES, SHARED_QUEUES } from '#runner/task-catalog';
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
/** BullMQ on PostgreSQL works with these, besides the one per consumed queue that it keeps for LISTEN. */
const SPARE_BULL_CONNECTIONS = 10;

/**
 * The queues that a process on PostgreSQL has connections for. More than it
 * begins with, since a registry that is put in force later may name others: up
 * to every queue that tasks get of their own, and the shared ones, which take
 * over while the last runs of the former end. Room costs nothing: a pool opens
 * connections when they are asked for.
 */
const queueRoom = (consumedQueues: number | null): number =>
  consumedQueues === null ? 0 : Math.max(consumedQueues, MAX_OWN_QUEUES) + SHARED_QUEUES;

export interface Engines {
  readonly dsn: string;
  readonly database: Database;
  readonly queue: BullmqQueueEngine;
  /** Queues that this process can consume until it is started again; null: any number. */
  readonly queueLimit: number | null;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `own`: the one long-lived system of a data directory. `attach-or-own`: a command beside it. */
  readonly mode: 'own' | 'attach-or-own';
  /** Queues that this process consumes at first; null when it never consumes any. */
  readonly consumedQueues: number | null;
}

/** Where analytics spill what does not fit into memory. */
export const scratchDirectory = ({ dataDir }: Pick<Settings, 'dataDir'>): string =>
  path.join(dataDir, 'tmp');

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
  const queueLimit = settings.redisUrl === null ? queueRoom(consumedQueues) : null;
  const pool =
    queueLimit === null
      ? null
      : openBullPool({ dsn, maxConnections: queueLimit + SPARE_BULL_CONNECTIONS });
  const queue = createQueueEngine(
    pool === null ? { redisUrl: settings.redisUrl ?? '', prefix: settings.queuePrefix } : { pool },
    {
      clock,
      onError: (error) => {
        logger.warn({ err: error }, 'queue engine');
      },
      // The engine's slots are the very instants that the ledger expects.
      nextSlot: nextOccurrence,
    },
  );
  return {
    dsn,
    database,
    queue,
    queueLimit,
    async close() {
      await queue.close();
      await pool?.end();
      await database.close();
      await embedded?.stop();
    },
  };
};
