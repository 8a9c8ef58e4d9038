import pg from 'pg';
import { hasCode } from '#core/errors';
import { sqlState, translatePostgresError } from '../postgres-errors.ts';
import { EMBEDDED_DATABASE, EMBEDDED_ROLE } from './cluster.ts';
import type { Postmaster } from './postmaster.ts';

type Address = Pick<Postmaster, 'port' | 'socketDirectory'>;

/** A DSN that pg, libpq and WHATWG URL all read: `host` among the parameters wins over the one before. */
export const dsnOf = (address: Address, password: string): string =>
  `postgresql://${EMBEDDED_ROLE}:${encodeURIComponent(password)}@localhost:${address.port}/${EMBEDDED_DATABASE}` +
  `?host=${encodeURIComponent(address.socketDirectory)}`;

/** What came of one attempt to log in: `starting` is worth another one, `refused` is not. */
export type Login =
  | { readonly outcome: 'connected'; readonly client: pg.Client; readonly ended: Promise<void> }
  | { readonly outcome: 'starting' | 'refused'; readonly cause: unknown };

export const logIn = async (address: Address, password: string): Promise<Login> => {
  const client = new pg.Client({
    connectionString: dsnOf(address, password),
    application_name: 'opsloop-watch',
    connectionTimeoutMillis: 2_000,
  });
  client.on('error', () => {});
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  try {
    await client.connect();
    return { outcome: 'connected', client, ended };
  } catch (cause) {
    client.end().catch(() => {});
    const isRefusal =
      !hasCode(translatePostgresError(cause), 'unavailable') && sqlState(cause) !== undefined;
    return { outcome: isRefusal ? 'refused' : 'starting', cause };
  }
};
