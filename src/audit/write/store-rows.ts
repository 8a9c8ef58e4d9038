import type { Database, TransactionSql } from '#storage/database';
import { sqlState } from '#storage/postgres/postgres-database';
import { COPY_COLUMNS, type CopyRow } from './copy-row.ts';

const COPY_ROWS = `COPY tool_audit_events (${COPY_COLUMNS}) FROM STDIN`;

const STAGE = `CREATE TEMP TABLE audit_staged ON COMMIT DROP AS
  SELECT ${COPY_COLUMNS} FROM tool_audit_events WITH NO DATA`;
const COPY_STAGED = `COPY audit_staged (${COPY_COLUMNS}) FROM STDIN`;
const MOVE_STAGED = `INSERT INTO tool_audit_events (${COPY_COLUMNS})
  SELECT ${COPY_COLUMNS} FROM audit_staged ORDER BY event_id
  ON CONFLICT (event_id) DO NOTHING`;

const CONTENT = COPY_COLUMNS.replace(', event_id', '').split(', ');
const contentOf = (relation: string): string =>
  `ROW(${CONTENT.map((column) => `${relation}.${column}`).join(', ')})`;

// A spool that lost bytes in a power cut gives the offsets, and so the ids, of
// what is gone to other events. Those are stored under an id made of both, which
// is the same whenever it is made again.
const STORE_COLLIDED = `INSERT INTO tool_audit_events (${COPY_COLUMNS})
  SELECT ${CONTENT.map((column) => `s.${column}`).join(', ')}, CAST(md5(CAST(s.event_id AS text) || CAST(${contentOf('s')} AS text)) AS uuid)
  FROM audit_staged s JOIN tool_audit_events e USING (event_id)
  WHERE ${contentOf('e')} IS DISTINCT FROM ${contentOf('s')}
  ON CONFLICT (event_id) DO NOTHING`;

/** Rows to one chunk of COPY's input; larger chunks hold the event loop, smaller ones cost calls. */
const ROWS_PER_CHUNK = 1_000;

function* copyInput(rows: readonly CopyRow[]): Generator<Buffer> {
  for (let start = 0; start < rows.length; start += ROWS_PER_CHUNK) {
    let text = '';
    for (const { line } of rows.slice(start, start + ROWS_PER_CHUNK)) text += line;
    yield Buffer.from(text);
  }
}

/** A row that PostgreSQL does not take, whatever stands beside it. */
export interface RefusedRow {
  readonly row: CopyRow;
  /** SQLSTATE of class 22 or 23. */
  readonly state: string;
}

export interface StoreRowsOptions {
  readonly database: Database;
  readonly rows: readonly CopyRow[];
  /** Cuts the connection when it aborts. */
  readonly signal: AbortSignal;
  /** Bounds each statement on the server, in milliseconds. */
  readonly statementTimeoutMs?: number;
}

const inTransaction = (
  { database, signal, statementTimeoutMs }: StoreRowsOptions,
  work: (sql: TransactionSql) => Promise<unknown>,
): Promise<unknown> =>
  database.transaction(
    async (sql) => {
      if (statementTimeoutMs !== undefined) {
        await sql.execute(`SET LOCAL statement_timeout = ${statementTimeoutMs}`);
      }
      await work(sql);
    },
    { signal },
  );

const storeStaged = (options: StoreRowsOptions): Promise<unknown> =>
  inTransaction(options, async (sql) => {
    await sql.execute(STAGE);
    await sql.copyIn(COPY_STAGED, copyInput(options.rows));
    await sql.execute(MOVE_STAGED);
    await sql.execute(STORE_COLLIDED);
  });

/** Faults of a row's content: data exceptions and violated constraints. */
const contentFault = (error: unknown): string | undefined => {
  const state = sqlState(error);
  return state?.startsWith('22') === true || state?.startsWith('23') === true ? state : undefined;
};

const storeOrSplit = async (options: StoreRowsOptions): Promise<readonly RefusedRow[]> => {
  const { rows } = options;
  try {
    await storeStaged(options);
    return [];
  } catch (error) {
    const state = contentFault(error);
    if (state === undefined) throw error;
    const [first] = rows;
    if (first === undefined || rows.length === 1) return rows.map((row) => ({ row, state }));
    const middle = Math.ceil(rows.length / 2);
    return [
      ...(await storeOrSplit({ ...options, rows: rows.slice(0, middle) })),
      ...(await storeOrSplit({ ...options, rows: rows.slice(middle) })),
    ];
  }
};

/**
 * Stores rows in `tool_audit_events`, each id once, however often they are
 * sent: plainly first, through a staging table when an id is there already, in
 * halves when PostgreSQL refuses what stands in one of them. Answers those that
 * it refused; all others are committed. Rejects when the database cannot serve.
 */
export const storeRows = async (options: StoreRowsOptions): Promise<readonly RefusedRow[]> => {
  if (options.rows.length === 0) return [];
  try {
    await inTransaction(options, (sql) => sql.copyIn(COPY_ROWS, copyInput(options.rows)));
    return [];
  } catch (error) {
    if (contentFault(error) === undefined) throw error;
    return storeOrSplit(options);
  }
};

/** The statement that fails on a database which cannot take events: no table, no column, no right. */
export const PROBE = 'SELECT event_id FROM tool_audit_events LIMIT 0';
