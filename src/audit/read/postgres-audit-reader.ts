import { AppError } from '#core/errors';
import type { Database, Sql } from '#storage/database';
import type { AuditReader } from '../audit-store.ts';
import { statusClassSql } from '../call-status.ts';
import {
  aggregateStatement,
  assertQuery,
  assertRange,
  type RawAggregateRow,
  type SqlDialect,
  toAggregateRows,
} from './aggregate-sql.ts';

export interface PostgresAuditReaderOptions {
  readonly database: Database;
}

const POSTGRES_DIALECT: SqlDialect = {
  callsRelation: `(SELECT ts, tool, agent_id, user_id, workspace_id, ${statusClassSql('status')} AS status, duration_ms FROM tool_audit_events)`,
  bucketIndex: (fromMs, bucketMs) =>
    `CAST((CAST(extract(epoch FROM ts) * 1000000 AS bigint) - ${fromMs * 1000}) / ${bucketMs * 1000} AS double precision)`,
};

interface Snapshot {
  readonly sql: Sql;
  readonly backendPid: number;
  close(): Promise<void>;
}

/** Holds a transaction open, so that every question of a view sees the same rows. */
const openSnapshot = (database: Database): Promise<Snapshot> =>
  new Promise((resolve, reject) => {
    let release = (): void => undefined;
    const released = new Promise<void>((done) => {
      release = done;
    });
    const ended = database.transaction(async (sql) => {
      await sql.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const [backend] = await sql.query<{ pid: number; events: string | null }>(
        "SELECT pg_backend_pid() AS pid, CAST(to_regclass('tool_audit_events') AS text) AS events",
      );
      if (backend?.events == null) {
        throw new AppError(
          'invalid_configuration',
          'The database has no table tool_audit_events; run "opsloop migrate" first.',
        );
      }
      resolve({
        sql,
        backendPid: backend.pid,
        close: () => {
          release();
          return ended;
        },
      });
      await released;
    });
    ended.catch(reject);
  });

/**
 * Reads `tool_audit_events`. The view holds one connection of the pool and one
 * read-only snapshot until it is closed. Aborting cancels the running statement.
 */
export const createPostgresAuditReader = ({
  database,
}: PostgresAuditReaderOptions): AuditReader => ({
  async open(range) {
    assertRange(range);
    const { signal } = range;
    signal.throwIfAborted();
    const snapshot = await openSnapshot(database);
    let isAsking = false;
    const onAbort = (): void => {
      if (!isAsking) return;
      // The statement's own rejection is what the caller sees; a cancel that fails changes nothing.
      database.query('SELECT pg_cancel_backend($1)', [snapshot.backendPid]).catch(() => undefined);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return {
      quality: {
        sourceBackend: 'postgres',
        partial: false,
        rejected: [],
        rejectedCount: 0,
        problems: [],
      },
      async aggregate(query) {
        assertQuery(query, range);
        signal.throwIfAborted();
        const statement = aggregateStatement(query, POSTGRES_DIALECT);
        isAsking = true;
        try {
          const rows = await snapshot.sql.query<RawAggregateRow>(statement.text, statement.values);
          return toAggregateRows(query, rows);
        } catch (error) {
          signal.throwIfAborted();
          throw error;
        } finally {
          isAsking = false;
        }
      },
      async close() {
        signal.removeEventListener('abort', onAbort);
        await snapshot.close();
      },
    };
  },
});
