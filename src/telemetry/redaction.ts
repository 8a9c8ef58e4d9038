import { messageOf } from '#core/errors';

const MASK = '[redacted]';

// A name that says its value is a secret. Numbers under such a name (a count
// of tokens, a fencing token) tell nothing and stay.
const SECRET_NAME =
  /(^|[-_.])(key|apikey|authorization|cookie|password|passwd|secret|token|dsn|credentials?)$|api[-_]?key|(Key|Password|Secret|Token|Dsn|Cookie)$|(database|redis)[-_]?url/i;

// A scheme is short; without a bound a long word would be searched once for each of its letters.
const CREDENTIALS_IN_URL = /([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@]+@/gi;
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi;

// A key of ours; its public half tells which one it was.
const API_KEY = /\b(opsl_(?:[0-9a-f]{12}|gateway))_[0-9a-f]{32,64}\b/g;

// Deep enough for every record we write; a cyclic value ends here too.
const MAX_DEPTH = 6;

/** Text without the credentials that URLs and HTTP headers carry inside. */
export const maskText = (text: string): string =>
  text
    .replace(API_KEY, `$1_${MASK}`)
    .replace(CREDENTIALS_IN_URL, `$1${MASK}@`)
    .replace(BEARER, `$1 ${MASK}`);

export interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorRecord;
}

/**
 * What a log may hold of something that was thrown. Clients of databases put
 * rows and statements on their errors (`detail`, `where`, `parameters`), so
 * only the named fields are taken.
 */
export const errorRecord = (error: unknown, depth = 0): ErrorRecord => {
  if (!(error instanceof Error)) return { type: typeof error, message: maskText(messageOf(error)) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: error.name,
    message: maskText(error.message),
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: maskText(error.stack) }),
    ...(error.cause === undefined || depth >= MAX_DEPTH
      ? {}
      : { cause: errorRecord(error.cause, depth + 1) }),
  };
};

const isPlainObject = (value: object): value is Record<string, unknown> => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

const redactValue = (name: string, value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? MASK : maskText(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Error) return errorRecord(value);
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => redactValue(name, item, depth + 1));
  // Instances (a request, a date) are left to the serializer that knows them.
  return isPlainObject(value) ? redactFields(value, depth + 1) : value;
};

/** The same fields with secrets masked, by name and inside text. */
export const redactFields = (
  fields: Readonly<Record<string, unknown>>,
  depth = 0,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, redactValue(name, value, depth)]),
  );
