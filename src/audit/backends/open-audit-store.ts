import { existsSync } from 'node:fs';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import type { Database } from '#storage/database';
import type { AuditStore } from '../audit-store.ts';
import { ensureAuditDirectory } from '../files/audit-directory.ts';
import { findOwnAuditDirectory, substituteDirectory } from '../files/own-audit-directory.ts';
import type { AuditLog } from '../write/audit-log.ts';
import type { FsyncMode } from '../write/event-log.ts';
import { openAutoAuditStore } from './auto-audit-store.ts';
import { createJsonlAuditStore } from './jsonl-audit-store.ts';
import { createMemoryAuditStore } from './memory-audit-store.ts';
import { createNullAuditStore } from './null-audit-store.ts';
import { openPostgresAuditStore } from './postgres-audit-store.ts';
import type { StoreOptions } from './store-options.ts';

export interface OpenAuditStoreOptions {
  readonly backend: 'auto' | 'postgres' | 'jsonl' | 'memory' | 'null';
  /** Null where none is configured: `auto` and `postgres` then become `jsonl`. The store does not close it. */
  readonly database: Database | null;
  /** AUDIT_JSONL_DIR. */
  readonly jsonlDir: string;
  /** Where events go while that directory is somebody else's: `audit` inside. */
  readonly dataDir: string;
  /** For copies and spilled data of questions. */
  readonly tempDir: string;
  readonly fsync: FsyncMode;
  /** 1 to 3,600: PostgreSQL is tried again at the latest after this. */
  readonly recoverySeconds: number;
  readonly clock: Clock;
  readonly logger: AuditLog;
}

const placeOf = async (
  options: OpenAuditStoreOptions,
): Promise<Pick<StoreOptions, 'directory' | 'readAsWell'>> => {
  const { jsonlDir, logger } = options;
  try {
    const { directory, isSubstitute, readAsWell } = await findOwnAuditDirectory(options);
    await ensureAuditDirectory(directory);
    if (isSubstitute)
      logger.warn(
        { directory: jsonlDir },
        'the audit directory was not made by opsloop: it is read and never written; events go to the data directory until "opsloop audit adopt" is run on it',
      );
    return { directory, readAsWell };
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    throw new AppError(
      'invalid_configuration',
      `The audit directory cannot be ${existsSync(jsonlDir) ? 'written' : 'made'} (${typeof code === 'string' ? code : 'unexpected fault'}). AUDIT_JSONL_DIR must name a directory that this process may write to.`,
      { cause: error },
    );
  }
};

/**
 * Opens the store of a backend. Throws `invalid_configuration` when its
 * directory cannot be used; a database that is away is no reason not to open.
 */
export const openAuditStore = async (options: OpenAuditStoreOptions): Promise<AuditStore> => {
  const { backend, database, logger, clock } = options;
  if (backend === 'memory') return createMemoryAuditStore();
  if (backend === 'null') return createNullAuditStore(logger);
  const store: StoreOptions = {
    ...(await placeOf(options)),
    tempDir: options.tempDir,
    fsync: options.fsync,
    recoveryMs: options.recoverySeconds * 1_000,
    clock,
    logger,
  };
  if (backend === 'jsonl' || database === null) {
    logger.info({}, 'AuditStore: jsonl');
    return createJsonlAuditStore(store);
  }
  if (backend === 'auto') {
    const substitute = substituteDirectory(options);
    const formerDirectory = store.directory === substitute ? null : substitute;
    return openAutoAuditStore({ ...store, database, formerDirectory });
  }
  logger.info({}, 'AuditStore: postgres');
  return openPostgresAuditStore({ ...store, database });
};
