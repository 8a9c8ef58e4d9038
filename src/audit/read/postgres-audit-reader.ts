import { AppError } from '#core/errors';
import type { Database, Sql } from '#storage/database';
import type { AuditReader, AuditView } from '../audit-store.ts';
import { statusClassSql } from '../call-status.ts';
import {
  type AggregateStatement,
  answerAll,
  assertQuery,
  assertRange,
  type RawAggregateRow,
  type SqlDialect,
} from './aggregate-sql.ts';

export interface PostgresAuditReaderOptions {
  readonly database: Database;
}

const POSTGRES_DIALECT: SqlDialect = {
  callsRelation: `(SELECT ts, tool, agent_id, user_id, workspace_id, ${statusClassSql('status')} AS status, duration_ms FROM tool_audit_events)`,
  bucketIndex: (fromMs, bucketMs) =>
    `(CAST(extract(epoch FROM ts) * 1000000 AS bigint) - ${fromMs * 1000}) / ${bucketMs * 1000}`,
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
    const ask = async ({
      text,
      values,
    }: AggregateStatement): Promise<readonly RawAggregateRow[]> => {
      signal.throwIfAborted();
      isAsking = true;
      try {
        return await snapshot.sql.query<RawAggregateRow>(text, values);
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        isAsking = false;
      }
    };
    const aggregateAll: Required<AuditView>['aggregateAll'] = async (queries) => {
      for (const query of queries) assertQuery(query, range);
      return answerAll(queries, POSTGRES_DIALECT, ask);
    };
    return {
      quality: {
        sourceBackend: 'postgres',
        partial: false,
        rejected: [],
        rejectedCount: 0,
        problems: [],
      },
      aggregate: async (query) => (await aggregateAll([query]))[0] ?? [],
      aggregateAll,
      async close() {
        signal.removeEventListener('abort', onAbort);
        await snapshot.close();
      },
    };
  },
});
