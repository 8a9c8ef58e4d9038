import type pg from 'pg';
import { type Clock, systemClock } from '#core/clock';
import { AppError, hasCode } from '#core/errors';
import type { Database, Subscription, TransactionSql } from '../database.ts';
import { openPool, type PoolOptions } from './connection-pool.ts';
import { copyInto } from './copy-input.ts';
import { listenOn } from './notification-listener.ts';
import { translatePostgresError } from './postgres-errors.ts';
import { StatementNames } from './statement-names.ts';

export { openBullPool } from './connection-pool.ts';
export { sqlState } from './postgres-errors.ts';

export interface DatabaseOptions extends PoolOptions {
  readonly clock?: Clock;
}

/** Whether a connection may serve others after a statement on it failed. */
const isReusable = (failure: unknown): boolean =>
  !hasCode(translatePostgresError(failure), 'unavailable');

const sqlOn = (client: pg.ClientBase, names: StatementNames): TransactionSql => ({
  async query<Row extends object>(text: string, values?: readonly unknown[]) {
    const result = await run(client, names, { text, values });
    return result.rows as readonly Row[];
  },
  async execute(text, values) {
    return (await run(client, names, { text, values })).rowCount ?? 0;
  },
  copyIn: (text, input) => copyInto(client, text, input),
});

const run = async (
  client: pg.ClientBase,
  names: StatementNames,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] | undefined },
): Promise<pg.QueryResult> => {
  try {
    if (values === undefined) return await client.query(text);
    const name = names.nameOf(text);
    return await client.query({
      text,
      values: [...values],
      ...(name === undefined ? {} : { name }),
    });
  } catch (error) {
    throw translatePostgresError(error);
  }
};

/**
 * Opens a pool; no connection is made before the first statement. Sessions run
 * in UTC. When a connection breaks during COMMIT, `transaction` rejects with
 * `unavailable` although the work may have been committed.
 */
export const openDatabase = (options: DatabaseOptions): Database => {
  const clock = options.clock ?? systemClock;
  const pool = openPool(options);
  const names = new StatementNames();
  const subscriptions = new Set<Subscription>();
  let closed: Promise<void> | undefined;

  const borrow = async <T>(
    work: (client: pg.PoolClient) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> => {
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw translatePostgresError(error);
    }
    let isCut = signal?.aborted === true;
    const cut = (): void => {
      isCut = true;
      // With a statement under way the driver closes the socket at once.
      client.end().catch(() => {});
    };
    signal?.addEventListener('abort', cut, { once: true });
    try {
      if (isCut) throw new AppError('unavailable', 'PostgreSQL was given no more time');
      const result = await work(client);
      client.release(isCut);
      return result;
    } catch (error) {
      client.release(isCut || !isReusable(error));
      throw translatePostgresError(error);
    } finally {
      signal?.removeEventListener('abort', cut);
    }
  };

  const transaction: Database['transaction'] = (work, transactionOptions) =>
    borrow(async (client) => {
      await client.query('BEGIN');
      let result: Awaited<ReturnType<typeof work>>;
      try {
        result = await work(sqlOn(client, names));
      } catch (error) {
        // Should this fail as well, the connection is destroyed, which rolls back too.
        await client.query('ROLLBACK').catch(() => client.end());
        throw error;
      }
      const { command } = await client.query('COMMIT');
      // After a statement failed, COMMIT rolls back and reports success: work
      // that caught the error must not believe that it is stored.
      if (command !== 'COMMIT')
        throw new AppError(
          'internal',
          'the transaction was rolled back because a statement in it had failed',
        );
      return result;
    }, transactionOptions?.signal);

  const ping = async (timeoutMs: number): Promise<void> => {
    const answered = new AbortController();
    const probe = borrow((client) =>
      client.query({ text: 'SELECT 1', query_timeout: timeoutMs } as pg.QueryConfig),
    );
    const tooLate = clock.sleep(timeoutMs, answered.signal).then(() => {
      if (!answered.signal.aborted)
        throw new AppError('unavailable', `PostgreSQL did not answer within ${timeoutMs} ms`);
    });
    try {
      await Promise.race([probe, tooLate]);
    } catch (error) {
      probe.catch(() => {});
      throw error;
    } finally {
      answered.abort();
    }
  };

  const listen: Database['listen'] = async (channel, onNotify) => {
    if (closed !== undefined) throw new AppError('unavailable', 'the database is closed');
    const listener = await listenOn({ connection: options, channel, onNotify, clock });
    const subscription: Subscription = {
      async close() {
        subscriptions.delete(subscription);
        await listener.close();
      },
    };
    subscriptions.add(subscription);
    return subscription;
  };

  const close = async (): Promise<void> => {
    await Promise.all([...subscriptions].map((subscription) => subscription.close()));
    await pool.end();
  };

  return {
    query: (text, values) => borrow((client) => sqlOn(client, names).query(text, values)),
    execute: (text, values) => borrow((client) => sqlOn(client, names).execute(text, values)),
    transaction,
    listen,
    ping,
    close() {
      closed ??= close();
      return closed;
    },
  };
};
