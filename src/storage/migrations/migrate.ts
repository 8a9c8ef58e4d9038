import { AppError } from '#core/errors';
import type { Database, Sql } from '../database.ts';
import type { Migration, MigrationDomain } from './migration-files.ts';

export { listMigrations, MIGRATION_DOMAINS } from './migration-files.ts';
export type { Migration, MigrationDomain };

export interface MigrationPlan {
  /** Versions that are in the database, in order. */
  readonly applied: readonly number[];
  /** What is still to run, in order. */
  readonly pending: readonly Migration[];
}

const CREATE_LEDGER = `CREATE TABLE IF NOT EXISTS schema_migrations (
  version    integer     PRIMARY KEY,
  name       text        NOT NULL,
  domain     text        NOT NULL,
  checksum   text        NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;

// An arbitrary constant of this system: every migrating process takes this lock.
const LOCK = 'SELECT pg_advisory_xact_lock(7262108421630)';

const RECORD =
  'INSERT INTO schema_migrations (version, name, domain, checksum) VALUES ($1, $2, $3, $4)';

interface LedgerRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

// Not to_regclass: a session that waited for the lock may answer it from its
// cache of names, where the table that was made meanwhile is still missing.
const LEDGER_EXISTS = `SELECT EXISTS (
  SELECT FROM pg_catalog.pg_class
  WHERE relname = 'schema_migrations' AND relkind = 'r' AND pg_catalog.pg_table_is_visible(oid)
) AS exists`;

const readLedger = async (sql: Sql): Promise<readonly LedgerRow[]> => {
  const [ledger] = await sql.query<{ exists: boolean }>(LEDGER_EXISTS);
  if (ledger?.exists !== true) return [];
  return sql.query<LedgerRow>(
    'SELECT version, name, checksum FROM schema_migrations ORDER BY version',
  );
};

const compare = (
  ledger: readonly LedgerRow[],
  migrations: readonly Migration[],
  domain: MigrationDomain | undefined,
): MigrationPlan => {
  const byVersion = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const row of ledger) {
    const known = byVersion.get(row.version);
    if (known === undefined)
      throw new AppError(
        'invalid_configuration',
        `the database is newer than this program: it has migration ${row.version} (${row.name}), ` +
          `and this program ends at ${migrations.at(-1)?.version ?? 0}; start the newer version`,
      );
    if (known.checksum !== row.checksum)
      throw new AppError(
        'invalid_configuration',
        `migrations: ${known.file} was changed after it had been applied; restore it and put the change into a new file`,
      );
  }
  const applied = new Set(ledger.map((row) => row.version));
  const pending = migrations.filter(
    (migration) =>
      !applied.has(migration.version) && (domain === undefined || migration.domain === domain),
  );
  return { applied: [...applied], pending };
};

export interface PlanOptions {
  /** As `listMigrations` gives them. */
  readonly migrations: readonly Migration[];
  /** Only this domain's; default all. */
  readonly domain?: MigrationDomain;
}

/**
 * What `applyMigrations` would do. Changes nothing and needs SELECT alone.
 * Throws `invalid_configuration` when an applied file was changed or the
 * database holds a version that `migrations` does not.
 */
export const planMigrations = async (sql: Sql, options: PlanOptions): Promise<MigrationPlan> =>
  compare(await readLedger(sql), options.migrations, options.domain);

const applyOne = (
  database: Database,
  migration: Migration,
  options: PlanOptions,
): Promise<boolean> =>
  database.transaction(async (sql) => {
    await sql.query(LOCK);
    const { pending } = await planMigrations(sql, options);
    if (!pending.some(({ version }) => version === migration.version)) return false;
    await sql.query(CREATE_LEDGER);
    await sql.query(migration.sql);
    const { version, name, domain, checksum } = migration;
    await sql.execute(RECORD, [version, name, domain, checksum]);
    return true;
  });

/**
 * Applies what is pending, each file with its record in one transaction under
 * an advisory lock, and answers what *this* call applied. Safe with any number
 * of starters; a crash leaves whole migrations only. With nothing pending it
 * only reads, so a role without the right to make tables can call it. A file
 * cannot hold statements that refuse to run in a transaction.
 */
export const applyMigrations = async (
  database: Database,
  options: PlanOptions,
): Promise<readonly Migration[]> => {
  const { pending } = await planMigrations(database, options);
  const done: Migration[] = [];
  for (const migration of pending)
    if (await applyOne(database, migration, options)) done.push(migration);
  return done;
};

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The SQL of migrations as a script that `psql` runs with the same effect; for the dry-run. */
export const renderMigrations = (migrations: readonly Migration[]): string =>
  migrations
    .map(({ version, name, file, domain, checksum, sql }) =>
      [
        `-- ${file}`,
        'BEGIN;',
        `${LOCK};`,
        `${CREATE_LEDGER};`,
        sql.trimEnd(),
        `INSERT INTO schema_migrations (version, name, domain, checksum) VALUES (${version}, ${quote(name)}, ${quote(domain)}, ${quote(checksum)});`,
        'COMMIT;',
        '',
      ].join('\n'),
    )
    .join('\n');
