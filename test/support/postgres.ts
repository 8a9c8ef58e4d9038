import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { Database } from '#storage/database';
import { openDatabase } from '#storage/postgres/postgres-database';
import { TEMPLATE_DATABASE, withDatabase } from './global-postgres.ts';
import { type DisposablePostgres, makeDisposablePostgres } from './postgres-server.ts';

export type { DisposablePostgres } from './postgres-server.ts';

export interface TestDatabase {
  readonly dsn: string;
  readonly database: Database;
  /** Closes `database` and removes it from the server, whoever is still connected. */
  drop(): Promise<void>;
}

const onServer = async (statement: string): Promise<void> => {
  const client = new pg.Client({ connectionString: inject('postgresDsn') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
};

/** A database of its own, migrated unless `template: 'empty'`. Call `drop` in afterAll or afterEach. */
export const createTestDatabase = async (
  options: { readonly template?: 'migrated' | 'empty'; readonly maxConnections?: number } = {},
): Promise<TestDatabase> => {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = options.template === 'empty' ? 'template0' : TEMPLATE_DATABASE;
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const dsn = withDatabase(inject('postgresDsn'), name);
  const database = openDatabase({
    dsn,
    maxConnections: options.maxConnections ?? 10,
    applicationName: 'test',
  });
  return {
    dsn,
    database,
    async drop() {
      await database.close();
      await onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
};

/** A running server that a test may stop, kill or freeze; call `dispose` at the end. */
export const startDisposablePostgres = async (
  settings: Readonly<Record<string, string>> = {},
): Promise<DisposablePostgres> => {
  const server = await makeDisposablePostgres(settings);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.dispose();
    throw error;
  }
};
