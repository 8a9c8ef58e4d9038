import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';
import { messageOf } from '#core/errors';
import { EngineAwayError } from './engine-error.ts';

// 08 connection, 53 out of resources (disk, memory, connections), 57P shutdown
// and start-up, 25006 a server that only reads (a replica after a failover).
const AWAY_SQLSTATE = /^(?:08|53|57P|25006)/;

const isAnsweredByServer = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error &&
  'severity' in error &&
  'code' in error &&
  typeof error.code === 'string';

/**
 * `error` as BullMQ should see it: EngineAwayError when the server is away,
 * starting, stopping or full. pg gives no SQLSTATE for what never reached the
 * server (refused, reset, terminated, no socket, pool exhausted).
 */
export const translateLostConnection = (error: unknown): unknown => {
  if (error instanceof EngineAwayError) return error;
  const away = !isAnsweredByServer(error) || AWAY_SQLSTATE.test(error.code);
  return away ? new EngineAwayError(messageOf(error), { cause: error }) : error;
};

/**
 * What is used of a `pg.Pool`, which BullMQ calls `PgPool`; the overloads of
 * its `on` do not fit pg's own types.
 */
export interface SharedPool {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: object[]; readonly rowCount: number | null }>;
  connect(): Promise<object>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * The caller's pool as BullMQ is given it. It translates a lost connection
 * into the one error that BullMQ waits on; without that, a database that
 * restarts fails the jobs that end meanwhile, and idle workers ask it again
 * without a pause. It never ends the pool and adds no listeners to it: the
 * engine has its own, one for all queues.
 */
export class ReconnectingPool implements PgPool {
  readonly #pool: SharedPool;

  constructor(pool: SharedPool) {
    this.#pool = pool;
  }

  // A row has the type that the statement gives it, which only its author knows.
  async query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    try {
      const { rows, rowCount } = await this.#pool.query(text, params && [...params]);
      return { rows: rows as Row[], rowCount };
    } catch (error) {
      throw translateLostConnection(error);
    }
  }

  async connect(): Promise<PgPoolClient> {
    try {
      return (await this.#pool.connect()) as PgPoolClient;
    } catch (error) {
      throw translateLostConnection(error);
    }
  }

  async end(): Promise<void> {}

  on(): this {
    return this;
  }

  removeAllListeners(): this {
    return this;
  }
}
