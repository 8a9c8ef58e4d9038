import { AppError } from '#core/errors';
import type { Database, Sql } from '#storage/database';
import { sqlState } from '#storage/postgres/postgres-database';

/** Rows of one UTC day. */
export interface RowRange {
  readonly day: string;
  /** Ids `(afterId, toId]`. */
  readonly afterId: number;
  readonly toId: number;
}

const PAGE_ROWS = 5000;
const LOCK_TIMEOUT_MS = 10_000;

/** No row before the year 1, nor one at minus infinity, belongs to any day. */
const FIRST_INSTANT = '0001-01-01';

const TEXT_COLUMNS = [
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
] as const;
const LATER_COLUMNS = [
  'duration_ms',
  'in_size',
  'out_size',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
] as const;

/**
 * A row as one line of JSON: `[id, event_id, ts, …]` with `ts` as microseconds
 * since 1970 in UTC, and the other columns in the order of the event's fields.
 */
const CANONICAL_ROW = `CAST(json_build_array(id, event_id, CAST(extract(epoch FROM ts) * 1000000 AS bigint), ${[...TEXT_COLUMNS, ...LATER_COLUMNS].join(', ')}) AS text)`;

const OF_DAY = `ts >= CAST($1 AS timestamptz) AND ts < CAST($1 AS timestamptz) + interval '1 day'`;

// A cursor and not pages by key: where a bulk load gave a day's rows one and
// the same ts, each page would sort them all again.
const DECLARE_ROWS = `DECLARE audit_day NO SCROLL CURSOR FOR
  SELECT ${CANONICAL_ROW} AS line FROM tool_audit_events
  WHERE ${OF_DAY} AND id > $2 AND id <= $3 ORDER BY ts, id`;

const startOf = (day: string): string => `${day}T00:00:00Z`;

/** The rows' canonical lines in order of `ts` and id, a page at a time, as of one snapshot. */
export const readRowLines = (
  database: Database,
  { day, afterId, toId }: RowRange,
  options: { readonly signal: AbortSignal; readonly onPage: (lines: Buffer) => void },
): Promise<void> =>
  database.transaction(async (sql) => {
    await sql.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await sql.execute(DECLARE_ROWS, [startOf(day), afterId, toId]);
    for (;;) {
      options.signal.throwIfAborted();
      const page = await sql.query<{ line: string }>(`FETCH ${PAGE_ROWS} FROM audit_day`);
      if (page.length === 0) return;
      options.onPage(Buffer.from(page.map(({ line }) => `${line}\n`).join('')));
    }
  });

const highestId = async (sql: Sql): Promise<number> => {
  const [row] = await sql.query<{ id: number | null }>(
    'SELECT max(id) AS id FROM tool_audit_events',
  );
  return row?.id ?? 0;
};

/** The highest id there is; rows with lower ids may still be on their way. For a dry-run. */
export const peekHighestId = (database: Database): Promise<number> => highestId(database);

/**
 * The highest id, at a moment at which no insert is under way: no row with a
 * lower id will appear later. Keeps writers waiting for the time of one look
 * into an index. Throws `unavailable` when they cannot be stopped within 10 s,
 * `invalid_configuration` when the role may not lock the table.
 */
export const settleHighestId = async (database: Database): Promise<number> => {
  try {
    return await database.transaction(async (sql) => {
      await sql.execute(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await sql.execute('LOCK TABLE tool_audit_events IN SHARE MODE');
      return highestId(sql);
    });
  } catch (error) {
    const state = sqlState(error);
    if (state === '55P03')
      throw new AppError(
        'unavailable',
        `a transaction kept tool_audit_events from being locked for ${LOCK_TIMEOUT_MS / 1000} s; its days are closed later`,
        { cause: error },
      );
    if (state === '42501')
      throw new AppError(
        'invalid_configuration',
        'the role may not lock tool_audit_events, which closing its days needs; set ADMIN_DATABASE_URL to the owner or to a member of opsloop_audit_retention ("opsloop migrate --grants" prints it)',
        { cause: error },
      );
    throw error;
  }
};

export const hasEventRows = async (database: Database): Promise<boolean> => {
  const [table] = await database.query<{ exists: boolean }>(
    "SELECT to_regclass('tool_audit_events') IS NOT NULL AS exists",
  );
  if (table?.exists !== true) return false;
  const [row] = await database.query<{ exists: boolean }>(
    'SELECT EXISTS (SELECT FROM tool_audit_events) AS exists',
  );
  return row?.exists === true;
};

export interface DayCount {
  readonly day: string;
  readonly events: number;
}

const DAY = `to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD')`;

/** The first day that has rows, or null. */
export const firstRowDay = async (database: Database): Promise<string | null> => {
  const [row] = await database.query<{ day: string | null }>(
    `SELECT to_char(min(ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day FROM tool_audit_events WHERE ts >= '${FIRST_INSTANT}'`,
  );
  return row?.day ?? null;
};

/** Days before `before` with rows of higher ids than `afterId`, and how many. */
export const countRowsByDay = (
  database: Database,
  afterId: number,
  before: string,
): Promise<readonly DayCount[]> =>
  database.query<DayCount>(
    `SELECT ${DAY} AS day, count(*) AS events FROM tool_audit_events
     WHERE id > $1 AND ts >= '${FIRST_INSTANT}' AND ts < CAST($2 AS timestamptz) GROUP BY 1 ORDER BY 1`,
    [afterId, startOf(before)],
  );

export const countRowsOfDay = async (
  database: Database,
  day: string,
  afterId: number,
): Promise<number> => {
  const [row] = await database.query<{ events: number }>(
    `SELECT count(*) AS events FROM tool_audit_events WHERE ${OF_DAY} AND id > $2`,
    [startOf(day), afterId],
  );
  return row?.events ?? 0;
};

/** Rows before the end of `toDay` with ids up to `toId`: what a removal takes. */
export const removalOf = (
  toDay: string,
  toId: number,
): { readonly where: string; readonly values: readonly unknown[] } => ({
  where: `ts >= '${FIRST_INSTANT}' AND ts < CAST($1 AS timestamptz) + interval '1 day' AND id <= $2`,
  values: [startOf(toDay), toId],
});
