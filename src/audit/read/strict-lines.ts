import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import { statusClassSql } from '../call-status.ts';
import { durationOf, instantOf } from './event-relations.ts';
import {
  KEYS,
  type Key,
  type KeyReadings,
  learnWords,
  mayBeNoString,
  stringOf,
  wordsOf,
} from './key-words.ts';

/** The words that we write; what others write is classed when it is asked for, and only where there is any. */
const OWN_STATUS = `CASE status ${['pass', 'error', 'denied', 'timeout']
  .map((word) => `WHEN '"${word}"' THEN CAST('${word}' AS status_class)`)
  .join(' ')} END`;

/**
 * Rows hold words of the session's enumerations. One with any other value also
 * holds its texts, in this order, in a list that is NULL in all other rows:
 * a column for each would take more room than all the words.
 */
const RARE_FIELDS = [...KEYS, 'status'] as const;
const rareOf = (field: (typeof RARE_FIELDS)[number]): string =>
  `rare[${RARE_FIELDS.indexOf(field) + 1}]`;

/** The status stays JSON, so that a number is not taken for a word of others. */
const RARE_STATUS = stringOf(rareOf('status'));

/**
 * The calls of a file of JSON lines, read by DuckDB's own reader, which is
 * twice as fast as looking at each line and rejects the whole file for one
 * line that is not a JSON object.
 */
const strictLinesRelation = (file: string, readings: KeyReadings): string => {
  const columns = [
    ...KEYS.map((key) => `${key}: '${readings[key] === 'text' ? 'VARCHAR' : 'JSON'}'`),
    "status: 'JSON'",
    "duration_ms: 'JSON'",
  ];
  const textOf = (key: Key): string => (readings[key] === 'text' ? key : stringOf(key));
  const wordOf = (key: Key): string => `TRY_CAST(${textOf(key)} AS ${wordsOf(key)})`;
  const isRare = [...KEYS.map(wordOf), OWN_STATUS].map((word) => `${word} IS NULL`).join(' OR ');
  return `SELECT ${instantOf('ts')} AS ts, ${KEYS.map((key) => `${wordOf(key)} AS ${key}`).join(', ')}, ${OWN_STATUS} AS status,
      CASE WHEN ${isRare} THEN [${[...KEYS.map(textOf), 'status'].join(', ')}] END AS rare, ${durationOf('duration')} AS duration_ms
    FROM (
      SELECT ts, ${RARE_FIELDS.map((name) => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ')},
        TRY_CAST(CAST(duration_ms AS VARCHAR) AS DOUBLE) AS duration
      FROM read_json(${sqlLiteral(file)}, format = 'newline_delimited', columns = {ts: 'VARCHAR', ${columns.join(', ')}})
    )`;
};

interface Loaded {
  /** Whether a field lacks a value, or one of its kind. */
  readonly isIncomplete: boolean;
  /** Fields of which some value is no word. */
  readonly rare: ReadonlySet<string>;
  /** Keys of which some rare value may not have been a string. */
  readonly doubtful: readonly Key[];
}

const look = async (session: AnalyticsSession, table: string): Promise<Loaded> => {
  const [counts] = await session.rows<Record<string, number>>(
    `SELECT CAST(2 * count(*) - count(ts) - count(duration_ms)  AS DOUBLE) AS missing, ${RARE_FIELDS.map((field) => `CAST(count(*) - count(${field}) AS DOUBLE) AS ${field}`).join(', ')} FROM ${table}`,
  );
  const rare = new Set<string>(RARE_FIELDS.filter((field) => counts?.[field] !== 0));
  if (counts?.missing !== 0) return { isIncomplete: true, rare, doubtful: [] };
  if (rare.size === 0) return { isIncomplete: false, rare, doubtful: [] };
  const rareKeys = KEYS.filter((key) => rare.has(key));
  const [found] = await session.rows<Record<string, boolean | null>>(
    `SELECT bool_or(${[
      ...rareKeys.map((key) => `(${key} IS NULL AND ${rareOf(key)} IS NULL)`),
      `(status IS NULL AND (${RARE_STATUS}) IS NULL)`,
    ].join(
      ' OR ',
    )}) AS incomplete${rareKeys.map((key) => `, bool_or(${key} IS NULL AND ${mayBeNoString(rareOf(key))}) AS ${key}`).join('')} FROM ${table} WHERE rare IS NOT NULL`,
  );
  return {
    isIncomplete: found?.incomplete !== false,
    rare,
    doubtful: rareKeys.filter((key) => found?.[key] !== false),
  };
};

const relationOf = (table: string, rare: ReadonlySet<string>): string => {
  const columns = [
    ...KEYS.map((key) => [key, rareOf(key)] as const),
    ['status', statusClassSql(RARE_STATUS)] as const,
  ].map(([field, other]) =>
    rare.has(field) ? `coalesce(CAST(${field} AS VARCHAR), ${other}) AS ${field}` : field,
  );
  return `SELECT ts, ${columns.join(', ')}, duration_ms FROM ${table}`;
};

/** Reads files in which every line is an event; one per session. */
export class StrictLines {
  private readonly session: AnalyticsSession;
  private readonly isOwnFault: (error: unknown) => boolean;
  private readings: KeyReadings | undefined;

  /** `isOwnFault`: faults that are not the file's. */
  constructor(session: AnalyticsSession, isOwnFault: (error: unknown) => boolean) {
    this.session = session;
    this.isOwnFault = isOwnFault;
  }

  /**
   * Makes `table` of a file in which every line is an event and answers the
   * relation of its calls; undefined for any other file, of which there is no
   * table afterwards. Rejects only for faults that are not the file's.
   */
  async load(file: string, table: string): Promise<string | undefined> {
    try {
      this.readings ??= await this.learn(file);
      return await this.loadAs(file, table, this.readings);
    } catch (error) {
      if (this.isOwnFault(error)) throw error;
      return undefined;
    }
  }

  private async learn(file: string): Promise<KeyReadings> {
    await this.session.run(
      "CREATE OR REPLACE TYPE status_class AS ENUM ('pass', 'error', 'denied', 'timeout', 'other')",
    );
    return learnWords(this.session, file);
  }

  private async loadAs(
    file: string,
    table: string,
    readings: KeyReadings,
  ): Promise<string | undefined> {
    await this.session.run(`CREATE TABLE ${table} AS ${strictLinesRelation(file, readings)}`);
    const { isIncomplete, rare, doubtful } = await look(this.session, table);
    const unclear = doubtful.filter((key) => readings[key] === 'text');
    if (!isIncomplete && unclear.length === 0) return relationOf(table, rare);
    await this.session.run(`DROP TABLE ${table}`);
    if (isIncomplete) return undefined;
    const closer = Object.fromEntries(unclear.map((key) => [key, 'json' as const]));
    this.readings = { ...readings, ...closer };
    return this.loadAs(file, table, this.readings);
  }
}
