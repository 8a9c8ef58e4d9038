import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import { statusClassSql } from '../call-status.ts';
import { type ParquetColumns, parquetInstant } from './event-relations.ts';

const COLUMNS = ['ts', 'tool', 'agent_id', 'user_id', 'workspace_id', 'status', 'duration_ms'];
const MAX_DURATION_MS = 2_147_483_647;

export const columnsOfParquet = async (
  session: AnalyticsSession,
  file: string,
): Promise<ParquetColumns> => {
  const described = await session.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM read_parquet(${sqlLiteral(file)})`,
  );
  return new Map(described.map((column) => [column.column_name, column.column_type]));
};

interface ColumnStatistics {
  readonly name: string;
  readonly nulls: number | null;
  readonly unknown: number;
  readonly lowest: number | null;
  readonly highest: number | null;
}

/** What the footer says of the columns; null where it does not say all of it. */
const soundByFooter = async (session: AnalyticsSession, file: string): Promise<boolean | null> => {
  const columns = await session.rows<ColumnStatistics>(
    `SELECT path_in_schema AS name, CAST(sum(stats_null_count) AS DOUBLE) AS nulls,
       CAST(count(*) FILTER (stats_null_count IS NULL OR (path_in_schema = 'duration_ms' AND (stats_min_value IS NULL OR stats_max_value IS NULL))) AS DOUBLE) AS unknown,
       min(TRY_CAST(stats_min_value AS DOUBLE)) AS lowest, max(TRY_CAST(stats_max_value AS DOUBLE)) AS highest
     FROM parquet_metadata(${sqlLiteral(file)}) WHERE path_in_schema IN (${COLUMNS.map(sqlLiteral).join(', ')}) GROUP BY 1`,
  );
  if (columns.length < COLUMNS.length || columns.some(({ unknown }) => unknown > 0)) return null;
  return columns.every(
    ({ name, nulls, lowest, highest }) =>
      nulls === 0 &&
      (name !== 'duration_ms' || ((lowest ?? -1) >= 0 && (highest ?? Infinity) <= MAX_DURATION_MS)),
  );
};

/**
 * Whether every row of a Parquet file is an event, so that it can be counted
 * where it stands: from the statistics in its footer, else by looking.
 */
export const isSoundParquet = async (session: AnalyticsSession, file: string): Promise<boolean> => {
  const byFooter = await soundByFooter(session, file);
  if (byFooter !== null) return byFooter;
  const [row] = await session.rows<{ bad: number }>(
    `SELECT CAST(count(*) FILTER (${COLUMNS.map((name) => `${name} IS NULL`).join(' OR ')} OR duration_ms NOT BETWEEN 0 AND ${MAX_DURATION_MS}) AS DOUBLE) AS bad FROM read_parquet(${sqlLiteral(file)})`,
  );
  return row?.bad === 0;
};

/**
 * Reads all that figures are made of, and rejects when something of it cannot be
 * read: a damaged page shows only then, too late to take the lines instead.
 */
export const readThrough = (session: AnalyticsSession, file: string): Promise<void> =>
  session.run(
    `SELECT ${COLUMNS.map((name) => `bit_xor(${name === 'ts' ? 'epoch_us(CAST(ts AS TIMESTAMPTZ))' : name === 'duration_ms' ? name : `strlen(${name})`})`).join(', ')} FROM read_parquet(${sqlLiteral(file)})`,
  );

const OWN_WORDS = ['pass', 'error', 'denied', 'timeout'];

/** Calls of a file that is sound and whose `ts` is a time. */
export const soundParquetRelation = async (
  session: AnalyticsSession,
  file: string,
  columns: ParquetColumns,
): Promise<string> => {
  // Values of a column stand in a Parquet file once per row group, so this costs far less than judging every row.
  const words = await session.rows<{ status: string }>(
    `SELECT DISTINCT status FROM read_parquet(${sqlLiteral(file)}) LIMIT ${OWN_WORDS.length + 1}`,
  );
  const isOurs = words.every(({ status }) => OWN_WORDS.includes(status));
  return `SELECT ${parquetInstant(columns.get('ts'))} AS ts, tool, agent_id, user_id, workspace_id,
      ${isOurs ? 'status' : `${statusClassSql('status')} AS status`}, CAST(duration_ms AS INTEGER) AS duration_ms
    FROM read_parquet(${sqlLiteral(file)})`;
};
