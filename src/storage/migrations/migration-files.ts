import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';

/** What a migration belongs to; `opsloop migrate --domain` picks by it. */
export const MIGRATION_DOMAINS = ['runner', 'audit', 'access', 'privacy'] as const;
export type MigrationDomain = (typeof MIGRATION_DOMAINS)[number];

export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  /** `0002_tool_audit_events.sql` */
  readonly file: string;
  readonly domain: MigrationDomain;
  readonly sql: string;
  /** SHA-256 in hex, over the text with line feeds only. */
  readonly checksum: string;
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;
const DOMAIN_LINE = /^-- domain: *(\S+) *$/m;

const isDomain = (text: string | undefined): text is MigrationDomain =>
  MIGRATION_DOMAINS.some((domain) => domain === text);

const refuse = (problem: string): AppError =>
  new AppError('invalid_configuration', `migrations: ${problem}`);

const readMigration = async (dir: string, file: string): Promise<Migration> => {
  const [, digits, name] = FILE_NAME.exec(file) ?? [];
  if (digits === undefined || name === undefined)
    throw refuse(`${file} is not named NNNN_name.sql in lower case`);
  // A checkout may have turned line ends; that must not look like another file.
  const sql = (await readFile(path.join(dir, file), 'utf8')).replaceAll('\r\n', '\n');
  const domain = DOMAIN_LINE.exec(sql)?.[1];
  if (!isDomain(domain))
    throw refuse(`${file} needs a line "-- domain: <one of ${MIGRATION_DOMAINS.join(', ')}>"`);
  const checksum = createHash('sha256').update(sql).digest('hex');
  return { version: Number(digits), name, file, domain, sql, checksum };
};

/**
 * Reads the numbered `.sql` files of `dir` in order. Throws
 * `invalid_configuration` on a bad name, a missing domain, a gap or a number
 * that is there twice.
 */
export const listMigrations = async (dir: string): Promise<readonly Migration[]> => {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).sort();
  const migrations = await Promise.all(files.map((file) => readMigration(dir, file)));
  migrations.forEach(({ version, file }, index) => {
    if (version !== index + 1)
      throw refuse(`${file} stands where number ${String(index + 1).padStart(4, '0')} is expected`);
  });
  return migrations;
};
