import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { packageRoot } from '#core/package-root';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';
import { makeDisposablePostgres } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** DSN of the superuser's database on the run's one PostgreSQL server. */
    postgresDsn: string;
  }
}

/** Database that holds every migration and no row; test databases are copies of it. */
export const TEMPLATE_DATABASE = 'opsloop_template';

/** The same server's DSN for another database. */
export const withDatabase = (dsn: string, database: string): string => {
  const url = new URL(dsn);
  url.pathname = `/${database}`;
  return url.href;
};

const makeTemplate = async (dsn: string): Promise<void> => {
  const admin = openDatabase({ dsn, maxConnections: 1, applicationName: 'test-setup' });
  await admin.execute(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await admin.close();
  const template = openDatabase({
    dsn: withDatabase(dsn, TEMPLATE_DATABASE),
    maxConnections: 1,
    applicationName: 'test-setup',
  });
  try {
    const migrations = await listMigrations(path.join(packageRoot(), 'migrations'));
    await applyMigrations(template, { migrations });
  } finally {
    await template.close();
  }
};

/** Vitest's global set-up: one server for the run. Nothing in it is worth an fsync. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const server = await makeDisposablePostgres({
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  });
  try {
    await server.start();
    await makeTemplate(server.dsn);
  } catch (error) {
    await server.dispose();
    throw error;
  }
  project.provide('postgresDsn', server.dsn);
  return () => server.dispose();
};
