import type { Database, Sql } from '#storage/database';
import type { AuditEvent } from '../audit-event.ts';
import { utcText } from '../event-time.ts';
import type { ReadPlan } from './read-query.ts';

/** Rows to one statement: the event loop gets its turn between two. */
const PAGE_ROWS = 5_000;

const COLUMNS =
  'req_id, workspace_id, user_id, agent_id, tool, action, status, duration_ms, in_size, out_size, input_hash, graph_run_id, graph_node, job_id';

/** UTC with microseconds, `2026-11-04T12:00:00.000000`. */
const TS_TEXT = `to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')`;

interface Row extends AuditEvent {
  readonly id: string;
}

const toEvent = (row: Row): AuditEvent => ({
  ts: row.ts.endsWith('000') ? `${row.ts.slice(0, -3)}Z` : `${row.ts}Z`,
  req_id: row.req_id,
  workspace_id: row.workspace_id,
  user_id: row.user_id,
  agent_id: row.agent_id,
  tool: row.tool,
  action: row.action,
  status: row.status,
  duration_ms: row.duration_ms,
  in_size: row.in_size,
  out_size: row.out_size,
  input_hash: row.input_hash,
  graph_run_id: row.graph_run_id,
  graph_node: row.graph_node,
  job_id: row.job_id,
});

const conditions = (plan: ReadPlan, values: string[]): readonly string[] => {
  const placeholder = (value: string): string => `$${values.push(value)}`;
  return [
    ...(plan.from === undefined
      ? []
      : [`ts >= CAST(${placeholder(utcText(plan.from))} AS timestamptz)`]),
    ...(plan.to === undefined
      ? []
      : [`ts <= CAST(${placeholder(utcText(plan.to))} AS timestamptz)`]),
    ...plan.equals.map(([field, value]) => `${field} = ${placeholder(value)}`),
  ];
};

const readPage = (
  sql: Sql,
  plan: ReadPlan,
  after: Row | undefined,
  limit: number,
): Promise<readonly Row[]> => {
  const values: string[] = [];
  const where = [...conditions(plan, values)];
  const [sign, direction] = plan.order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  if (after !== undefined) {
    values.push(`${after.ts}Z`, after.id);
    where.push(
      `(ts, id) ${sign} (CAST($${values.length - 1} AS timestamptz), CAST($${values.length} AS bigint))`,
    );
  }
  return sql.query<Row>(
    `SELECT CAST(id AS text) AS id, ${TS_TEXT} AS ts, ${COLUMNS} FROM tool_audit_events
     ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
     ORDER BY tool_audit_events.ts ${direction}, tool_audit_events.id ${direction} LIMIT ${limit}`,
    values,
  );
};

/**
 * Reads rows of `tool_audit_events`, page by page, as they stood when the
 * reading began. A filter that no row can match, such as one with NUL, gives
 * nothing.
 */
export const readPostgresEvents = (
  database: Database,
  plan: ReadPlan,
  signal: AbortSignal,
): Promise<readonly AuditEvent[]> => {
  if (plan.equals.some(([, value]) => value.includes('\0'))) return Promise.resolve([]);
  return database.transaction(
    async (sql) => {
      await sql.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const events: AuditEvent[] = [];
      for (let after: Row | undefined; events.length < plan.limit; ) {
        const limit = Math.min(PAGE_ROWS, plan.limit - events.length);
        const rows = await readPage(sql, plan, after, limit);
        for (const row of rows) events.push(toEvent(row));
        after = rows.at(-1);
        if (rows.length < limit) break;
      }
      return events;
    },
    { signal },
  );
};
