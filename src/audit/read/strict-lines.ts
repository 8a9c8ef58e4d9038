import type { AnalyticsSession } from '#storage/duckdb/analytics-session';
import { sqlLiteral } from '#storage/duckdb/analytics-session';
import { statusClassSql } from '../call-status.ts';
import { durationOf, instantOf, unquoted } from './event-relations.ts';

/** Columns whose values are kept as the JSON text of a string, quotes included. */
const KEYS = ['tool', 'agent_id', 'user_id', 'workspace_id'] as const;

/** The four words that we write come first: most lines stop there. */
const STATUS_CLASS = `CASE status ${['pass', 'error', 'denied', 'timeout']
  .map((word) => `WHEN '"${word}"' THEN '${word}'`)
  .join(
    ' ',
  )} ELSE CASE WHEN starts_with(status, '"') THEN ${statusClassSql(unquoted('status'))} END END`;

/**
 * The calls of a file of JSON lines, read by DuckDB's own reader, which is
 * twice as fast as looking at each line and rejects the whole file for one
 * line that is not a JSON object. The values of the keys keep their JSON form:
 * it shows whether they were strings, and is looked at once per distinct value.
 */
const strictLinesRelation = (file: string): string => {
  const columns = [...KEYS, 'status', 'duration_ms'].map((name) => `${name}: 'JSON'`).join(', ');
  return `SELECT ${instantOf('ts')} AS ts, ${KEYS.join(', ')}, ${STATUS_CLASS} AS status, ${durationOf('duration')} AS duration_ms
    FROM (
      SELECT ts, ${[...KEYS, 'status'].map((name) => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ')},
        TRY_CAST(CAST(duration_ms AS VARCHAR) AS DOUBLE) AS duration
      FROM read_json(${sqlLiteral(file)}, format = 'newline_delimited', columns = {ts: 'VARCHAR', ${columns}})
    )`;
};

interface KeyCheck {
  readonly name: string;
  readonly bad: number;
  readonly escaped: number;
}

/** A key is good when it is a string; one with an escape has to be decoded, since it can be written in several ways. */
const checkKeys = async (
  session: AnalyticsSession,
  table: string,
): Promise<{ readonly bad: number; readonly escaped: readonly string[] }> => {
  const checks = await session.rows<KeyCheck>(
    KEYS.map(
      (key) =>
        `SELECT '${key}' AS name, CAST(count(*) FILTER (value IS NULL OR NOT starts_with(value, '"')) AS DOUBLE) AS bad,
          CAST(count(*) FILTER (contains(value, '\\')) AS DOUBLE) AS escaped FROM (SELECT DISTINCT ${key} AS value FROM ${table})`,
    ).join(' UNION ALL '),
  );
  return {
    bad: checks.reduce((sum, check) => sum + check.bad, 0),
    escaped: checks.filter((check) => check.escaped > 0).map((check) => check.name),
  };
};

const countMissing = async (session: AnalyticsSession, table: string): Promise<number> => {
  const [counted] = await session.rows<{ missing: number }>(
    `SELECT CAST(3 * count(*) - count(ts) - count(status) - count(duration_ms) AS DOUBLE) AS missing FROM ${table}`,
  );
  return counted?.missing ?? 0;
};

/**
 * Makes `table` of a file in which every line is an event, and answers whether
 * it is such a file; of any other there is no table afterwards. Rejects only
 * for faults that are not the file's (`isOwnFault`).
 */
export const loadStrictLines = async (
  session: AnalyticsSession,
  file: string,
  table: string,
  isOwnFault: (error: unknown) => boolean,
): Promise<boolean> => {
  try {
    await session.run(`CREATE TABLE ${table} AS ${strictLinesRelation(file)}`);
  } catch (error) {
    if (isOwnFault(error)) throw error;
    return false;
  }
  const keys = await checkKeys(session, table);
  if (keys.bad > 0 || (await countMissing(session, table)) > 0) {
    await session.run(`DROP TABLE ${table}`);
    return false;
  }
  if (keys.escaped.length === 0) return true;
  const decoded = keys.escaped.map((key) => `'"' || ${unquoted(key)} || '"' AS ${key}`);
  await session.run(
    `CREATE TABLE ${table}_decoded AS SELECT * REPLACE (${decoded.join(', ')}) FROM ${table}`,
  );
  await session.run(`DROP TABLE ${table}`);
  await session.run(`ALTER TABLE ${table}_decoded RENAME TO ${table.split('.').at(-1) ?? table}`);
  if ((await checkKeys(session, table)).bad === 0) return true;
  await session.run(`DROP TABLE ${table}`);
  return false;
};
