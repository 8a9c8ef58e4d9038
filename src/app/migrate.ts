import path from 'node:path';
import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { packageRoot } from '#core/package-root';
import type { Database } from '#storage/database';
import {
  applyMigrations,
  listMigrations,
  MIGRATION_DOMAINS,
  type MigrationDomain,
  planMigrations,
  renderMigrations,
} from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';
import type { Logger } from '#telemetry/logger';
import { openDsn } from './open-engines.ts';

export interface MigrateRequest {
  readonly settings: Settings;
  /** Answers the SQL and runs nothing. */
  readonly dryRun: boolean;
  readonly domain?: string;
  readonly logger: Logger;
}

export interface MigrateResult {
  readonly applied: readonly { readonly version: number; readonly name: string }[];
  /** With `dryRun`: the script that would run, empty when there is nothing to do. */
  readonly sql?: string;
}

export const migrationsDirectory = (): string => path.join(packageRoot(), 'migrations');

const asDomain = (domain: string | undefined): MigrationDomain | undefined => {
  if (domain === undefined) return undefined;
  const known = MIGRATION_DOMAINS.find((each) => each === domain);
  if (known === undefined)
    throw new AppError(
      'invalid_input',
      `there is no migration domain of that name; accepted: ${MIGRATION_DOMAINS.join(', ')}`,
    );
  return known;
};

/** DDL needs the role that owns the tables, which the service's own role need not be. */
export const openMigrationDatabase = (settings: Settings, dsn: string): Database =>
  openDatabase({
    dsn: settings.database.adminUrl ?? dsn,
    maxConnections: 1,
    applicationName: 'opsloop-migrate',
    clock: systemClock,
  });

/** Brings the stores' database up to this version; safe with several at once. */
export const migrate = async (request: MigrateRequest): Promise<MigrateResult> => {
  const { settings, logger, dryRun } = request;
  const domain = asDomain(request.domain);
  const { dsn, embedded } = await openDsn({
    settings,
    logger,
    clock: systemClock,
    mode: 'attach-or-own',
  });
  const database = openMigrationDatabase(settings, dsn);
  try {
    const migrations = await listMigrations(migrationsDirectory());
    const plan = domain === undefined ? { migrations } : { migrations, domain };
    if (dryRun) {
      const { pending } = await planMigrations(database, plan);
      return {
        applied: pending.map(({ version, name }) => ({ version, name })),
        sql: renderMigrations(pending),
      };
    }
    const applied = await applyMigrations(database, plan);
    return { applied: applied.map(({ version, name }) => ({ version, name })) };
  } finally {
    await database.close();
    await embedded?.stop();
  }
};
