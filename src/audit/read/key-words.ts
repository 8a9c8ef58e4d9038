import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import { unquoted } from './event-relations.ts';

export const KEYS = ['tool', 'agent_id', 'user_id', 'workspace_id'] as const;
export type Key = (typeof KEYS)[number];

/** How the values of a key are read from a line of JSON. */
export type KeyReading =
  /** As the text of whatever it is; faster, and enough while no value looks like anything but a string. */
  | 'text'
  /** As JSON, which tells a string from a number. */
  | 'json';

export type KeyReadings = Readonly<Record<Key, KeyReading>>;

/** Enough to meet nearly every value that comes back, and read in some hundredths of a second. */
const SAMPLE_LINES = 20_000;

/** Text that can come from a value that is not a string: a number, an object, a list, a word of JSON or of DuckDB. */
export const mayBeNoString = (text: string): string =>
  `regexp_matches(${text}, '^([-0-9{\\[]|\\+?(nan|inf)|(true|false|null)$)', 'i')`;

/** The string of a key that is read as JSON; NULL for any other value. */
export const stringOf = (json: string): string =>
  `CASE WHEN starts_with(${json}, '"') THEN ${unquoted(json)} END`;

/** Enumeration of the values of a key that were met first: rows hold small numbers in place of them. */
export const wordsOf = (key: Key): string => `words_${key}`;

/**
 * Makes the enumerations of a session from the first lines of a file, and says
 * how its keys are to be read. Rejects where these lines are not JSON.
 */
export const learnWords = async (session: AnalyticsSession, file: string): Promise<KeyReadings> => {
  await session.run(`CREATE OR REPLACE TEMP TABLE first_lines AS
    SELECT ${KEYS.map((key) => `CAST(${key} AS VARCHAR) AS ${key}`).join(', ')} FROM read_json(${sqlLiteral(file)}, format = 'newline_delimited', columns = {${KEYS.map((key) => `${key}: 'JSON'`).join(', ')}}) LIMIT ${SAMPLE_LINES}`);
  for (const key of KEYS)
    await session.run(
      `CREATE OR REPLACE TYPE ${wordsOf(key)} AS ENUM (SELECT DISTINCT ${stringOf(key)} AS word FROM first_lines WHERE ${stringOf(key)} IS NOT NULL UNION SELECT '' ORDER BY word)`,
    );
  const [found] = await session.rows<Record<Key, boolean>>(
    `SELECT ${KEYS.map((key) => `coalesce(bool_or(${mayBeNoString(stringOf(key))}), false) AS ${key}`).join(', ')} FROM first_lines`,
  );
  await session.run('DROP TABLE first_lines');
  const readingOf = (key: Key): KeyReading => (found?.[key] === true ? 'json' : 'text');
  return {
    tool: readingOf('tool'),
    agent_id: readingOf('agent_id'),
    user_id: readingOf('user_id'),
    workspace_id: readingOf('workspace_id'),
  };
};
