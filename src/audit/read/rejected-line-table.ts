import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import type { RejectedLine } from '../audit-store.ts';
import { type AuditFile, jsonlName } from '../files/audit-files.ts';
import type { Range } from './aggregate-sql.ts';
import { BLANK_LINE, writtenInstant } from './event-relations.ts';
import type { LineSource } from './line-sources.ts';

const REJECTED_TABLE = 'work.rejected';
const REJECTED_KEPT = 100;

export interface RejectedSummary {
  readonly count: number;
  readonly first: readonly RejectedLine[];
}

export const createRejectedLines = (session: AnalyticsSession): Promise<void> =>
  session.run(
    `CREATE TABLE ${REJECTED_TABLE} (file VARCHAR, line BIGINT, reason VARCHAR, digest VARCHAR)`,
  );

/**
 * Keeps the bad lines of a file. One belongs to the range by the time that
 * stands in it, else by the last good line before it, else by the file's day.
 * What is appended after the range therefore does not change what a report
 * says of it. `numbered` is the file's numbered relation.
 */
export const insertRejectedLines = async (
  session: AnalyticsSession,
  range: Range,
  file: AuditFile,
  numbered: string,
  source?: LineSource,
): Promise<void> => {
  const faults =
    source?.faultsFile === undefined || source.faultCount === 0
      ? ''
      : `UNION ALL SELECT line, NULL, reason, ${writtenInstant('head')}, digest FROM read_json(${sqlLiteral(source.faultsFile)}, format = 'newline_delimited', columns = {line: 'BIGINT', reason: 'VARCHAR', head: 'VARCHAR', digest: 'VARCHAR'})`;
  const name = file.form === 'parquet' ? file.name : jsonlName(file.day);
  const at = `coalesce(own_ts, before_ts, CAST('${file.day}T00:00:00Z' AS TIMESTAMPTZ))`;
  // Lines are numbered as they come. Where this fails the order stays kept, which only costs time.
  await session.run('SET preserve_insertion_order = true');
  await session.run(`INSERT INTO ${REJECTED_TABLE}
    WITH checked AS (SELECT n, ts, reason, own_ts, digest FROM (${numbered}) ${faults}),
    dated AS (
      SELECT *, last_value(CASE WHEN reason IS NULL THEN ts END IGNORE NULLS) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) AS before_ts FROM checked
    )
    SELECT ${sqlLiteral(name)}, n, reason, digest FROM dated
    WHERE reason <> '${BLANK_LINE}' AND ${at} >= CAST(${sqlLiteral(range.from.toISOString())} AS TIMESTAMPTZ) AND ${at} < CAST(${sqlLiteral(range.to.toISOString())} AS TIMESTAMPTZ)`);
  await session.run('SET preserve_insertion_order = false');
};

/** Bad lines of a day count once, whichever of its forms they stand in. */
export const summarizeRejectedLines = async (
  session: AnalyticsSession,
): Promise<RejectedSummary> => {
  const distinct = `SELECT DISTINCT file, line, reason, digest FROM ${REJECTED_TABLE}`;
  const [total] = await session.rows<{ count: number }>(
    `SELECT CAST(count(*) AS DOUBLE) AS count FROM (${distinct})`,
  );
  const first = await session.rows<{ file: string; line: number; reason: string }>(
    `SELECT file, CAST(line AS DOUBLE) AS line, reason FROM (${distinct}) ORDER BY file, line, reason, digest LIMIT ${REJECTED_KEPT}`,
  );
  return {
    count: total?.count ?? 0,
    first: first.map(({ file, line, reason }) => ({ file, line, reason })),
  };
};
