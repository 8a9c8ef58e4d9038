import {
  assertSchemaCompatibility,
  createPostgresBackend,
  DEFAULT_SCHEMA,
  LATEST_SCHEMA_VERSION,
  type PgPoolClient,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
  UnsupportedPostgresVersionError,
} from 'bullmq';
import { AppError } from '#core/errors';
import type { BullConnection } from './bull-connection.ts';
import { EngineAwayError } from './engine-error.ts';
import { PostgresSchedulerStore } from './postgres-scheduler-store.ts';
import type { QueueHealth } from './queue-port.ts';
import { ReconnectingPool, type SharedPool, translateLostConnection } from './reconnecting-pool.ts';

/**
 * PostgreSQL as BullMQ's engine, on the caller's pool. Every connection of the
 * pool must have `search_path=bullmq`, and each consumer keeps one of them for
 * LISTEN: a pool needs one per consumer and a few to work with.
 */
export class PostgresBullConnection implements BullConnection {
  readonly backend = 'postgres';
  readonly schedulers: PostgresSchedulerStore;
  readonly #pool: ReconnectingPool;
  readonly #stopListening: () => void;

  constructor(pool: SharedPool, onError: (error: Error) => void) {
    this.#pool = new ReconnectingPool(pool);
    this.schedulers = new PostgresSchedulerStore(this.#pool);
    // An idle connection that breaks is an 'error' event, which ends the process when nobody listens.
    pool.on('error', onError);
    this.#stopListening = () => pool.off('error', onError);
  }

  readonly factory: BullConnection['factory'] = (name, options, extra) =>
    createPostgresBackend(name, { ...options, connection: this.#pool }, extra);

  assertReachable(): void {}

  async connect(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await prepareSchema(client);
      client.release();
    } catch (error) {
      client.release(true);
      throw asStartError(error);
    }
  }

  async ping(): Promise<void> {
    await this.#pool.query('SELECT 1');
  }

  isAway(error: unknown): boolean {
    return error instanceof EngineAwayError;
  }

  async health(): Promise<QueueHealth> {
    const { rows } = await this.#pool.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    return { ok: true, warnings: [], detail: `PostgreSQL ${rows[0]?.version ?? ''}`.trim() };
  }

  async close(): Promise<void> {
    this.#stopListening();
  }
}

/**
 * Creates or upgrades BullMQ's schema where that is needed. A schema that is
 * up to date is left alone, so a role that may not create anything can run on it.
 */
const prepareSchema = async (client: PgPoolClient): Promise<void> => {
  if ((await currentVersion(client)) < LATEST_SCHEMA_VERSION)
    await runMigrations(client, DEFAULT_SCHEMA);
  const { rows } = await client.query<{ schema: string | null }>(
    'SELECT current_schema() AS schema',
  );
  if (rows[0]?.schema !== DEFAULT_SCHEMA)
    throw new AppError(
      'invalid_configuration',
      `The queue engine's PostgreSQL pool has search_path ${rows[0]?.schema ?? '(none)'}; it must be ${DEFAULT_SCHEMA}`,
    );
};

const currentVersion = async (client: PgPoolClient): Promise<number> => {
  try {
    return await assertSchemaCompatibility(client, DEFAULT_SCHEMA);
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return 0;
    throw error;
  }
};

const asStartError = (error: unknown): unknown => {
  if (error instanceof AppError) return error;
  if (
    error instanceof SchemaVersionMismatchError ||
    error instanceof UnsupportedPostgresVersionError
  )
    return new AppError('invalid_configuration', error.message, { cause: error });
  return translateLostConnection(error);
};
