import pg from 'pg';
import { AppError } from '#core/errors';

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
]);

// SQLSTATEs that say "this server cannot serve now", whatever the statement was:
// 57P01–57P03 shutdown and start-up, 53100 disk full, 53300 too many connections.
const UNAVAILABLE_STATES: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  '53100',
  '53300',
]);

// The driver gives these faults no code. They are matched here and nowhere else,
// because this folder is the one that knows the driver.
const DRIVER_MESSAGES: readonly RegExp[] = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect$/,
  /^timeout expired$/,
  /^Query read timeout$/,
  /^Client has encountered a connection error/,
  /^Client was closed and is not queryable$/,
  /^Cannot use a pool after calling end on the pool$/,
];

const codeOf = (error: unknown): string | undefined => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
};

/** The SQLSTATE that PostgreSQL answered with, looked up through `cause`; undefined for anything else. */
export const sqlState = (error: unknown): string | undefined => {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof pg.DatabaseError) return current.code;
  return undefined;
};

const faultOf = (error: unknown): string | undefined => {
  if (error instanceof pg.DatabaseError) {
    const state = error.code ?? '';
    return UNAVAILABLE_STATES.has(state) || state.startsWith('08') ? state : undefined;
  }
  const code = codeOf(error);
  if (code !== undefined && NETWORK_CODES.has(code)) return code;
  const isDriverFault =
    error instanceof Error && DRIVER_MESSAGES.some((pattern) => pattern.test(error.message));
  return isDriverFault ? 'connection lost or timed out' : undefined;
};

/**
 * Makes AppError `unavailable` of a fault of the connection or the server, and
 * `invalid_configuration` of a refused login (class 28, 3D000). Every other
 * error comes back as it is, so that `sqlState` still tells it apart. The
 * original is kept as `cause`; the message holds neither address nor user.
 */
export const translatePostgresError = (error: unknown): unknown => {
  if (error instanceof AppError) return error;
  const fault = faultOf(error);
  if (fault !== undefined)
    return new AppError('unavailable', `PostgreSQL is not available (${fault})`, {
      cause: error,
    });
  const state = sqlState(error);
  if (state === '3D000' || state?.startsWith('28'))
    return new AppError(
      'invalid_configuration',
      `PostgreSQL refused the login (${state}): check user, password and database of the DSN`,
      { cause: error },
    );
  return error;
};
