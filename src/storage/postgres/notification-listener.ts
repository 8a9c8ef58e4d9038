import pg from 'pg';
import type { Clock } from '#core/clock';
import type { Subscription } from '../database.ts';
import { clientConfig, type PoolOptions } from './connection-pool.ts';
import { translatePostgresError } from './postgres-errors.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * LISTENs on one channel on a connection of its own and makes the connection
 * again, for ever, once it broke. Rejects only when the first attempt fails.
 */
export const listenOn = async (options: {
  readonly connection: Omit<PoolOptions, 'maxConnections'>;
  readonly channel: string;
  readonly onNotify: (payload: string) => void;
  readonly clock: Clock;
}): Promise<Subscription> => {
  const closing = new AbortController();

  const connect = async (): Promise<{ client: pg.Client; ended: Promise<void> }> => {
    const client = new pg.Client(clientConfig(options.connection));
    client.on('error', () => {});
    client.on('notification', ({ payload }) => options.onNotify(payload ?? ''));
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(options.channel)}`);
    } catch (error) {
      client.end().catch(() => {});
      throw translatePostgresError(error);
    }
    return { client, ended };
  };

  const reconnect = async (): Promise<{ client: pg.Client; ended: Promise<void> } | null> => {
    for (let waitMs = FIRST_RETRY_MS; !closing.signal.aborted; ) {
      try {
        return await connect();
      } catch {
        await options.clock.sleep(waitMs, closing.signal);
        waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
      }
    }
    return null;
  };

  let current = await connect();

  const keepListening = async (): Promise<void> => {
    for (;;) {
      await current.ended;
      if (closing.signal.aborted) return;
      const next = await reconnect();
      if (next === null) return;
      current = next;
      // `close` may have come between the connection's success and this line.
      if (closing.signal.aborted) await current.client.end().catch(() => {});
    }
  };
  const loop = keepListening();

  return {
    async close() {
      closing.abort();
      await current.client.end().catch(() => {});
      await loop;
    },
  };
};
