import pg from 'pg';

const INT8 = 20;
const DATE = 1082;
const TIMESTAMP = 1114;

/**
 * How columns become values: `bigint` a number while it is a safe integer and
 * text beyond, `numeric` exact text, `date` text (`2026-11-02`; a Date would
 * depend on the process's time zone), `timestamp` without zone read as UTC.
 */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === INT8) return parseBigint;
      if (oid === DATE) return (text: string) => text;
      if (oid === TIMESTAMP) return parseTimestampUtc;
    }
    return pg.types.getTypeParser(oid, format);
  },
};

const parseBigint = (text: string): number | string => {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
};

const parseTimestampUtc = (text: string): unknown =>
  pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ, 'text')(`${text}+00`);

/**
 * Adds settings to the `options` of a DSN, after those that it has already, so
 * that they hold from a session's first statement without a round trip. A
 * separate `options` property would lose against the DSN's own.
 */
export const withSessionSettings = (
  dsn: string,
  settings: Readonly<Record<string, string>>,
): string => {
  const cut = dsn.indexOf('?');
  const parameters = new URLSearchParams(cut === -1 ? '' : dsn.slice(cut + 1));
  const added = Object.entries(settings).map(
    // The server splits at white space; a backslash keeps it in the value.
    ([name, value]) => `-c ${name}=${value.replaceAll(/([\\\s])/g, '\\$1')}`,
  );
  const existing = parameters.get('options');
  parameters.set('options', [...(existing === null ? [] : [existing]), ...added].join(' '));
  // The driver decodes %20 but not the form encoding's plus sign.
  const query = parameters.toString().replaceAll('+', '%20');
  return `${cut === -1 ? dsn : dsn.slice(0, cut)}?${query}`;
};
