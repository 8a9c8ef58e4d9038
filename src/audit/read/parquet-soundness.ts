import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';

const COLUMNS = ['ts', 'tool', 'agent_id', 'user_id', 'workspace_id', 'status', 'duration_ms'];
const MAX_DURATION_MS = 2_147_483_647;

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
