import type { RunId } from '#core/ids';
import type { Sql } from '#storage/database';

/** How long a key is remembered, in days (registry and runner, "Starting a task on request"). */
const KEY_LIFETIME_DAYS = 7;

export interface RememberedStart {
  readonly runId: RunId;
  readonly requestHash: string;
}

export const findRememberedStart = async (
  sql: Sql,
  actor: string,
  key: string,
): Promise<RememberedStart | null> => {
  const [row] = await sql.query<{ run_id: string; request_hash: string }>(
    `SELECT run_id, request_hash FROM start_idempotency_keys
     WHERE actor = $1 AND key = $2 AND created_at > now() - make_interval(days => $3)`,
    [actor, key, KEY_LIFETIME_DAYS],
  );
  return row === undefined ? null : { runId: row.run_id as RunId, requestHash: row.request_hash };
};

export const rememberStart = async (
  sql: Sql,
  start: {
    readonly actor: string;
    readonly key: string;
    readonly requestHash: string;
    readonly runId: RunId;
  },
): Promise<void> => {
  await sql.execute(
    `INSERT INTO start_idempotency_keys (actor, key, request_hash, run_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (actor, key) DO UPDATE
       SET request_hash = EXCLUDED.request_hash, run_id = EXCLUDED.run_id, created_at = now()`,
    [start.actor, start.key, start.requestHash, start.runId],
  );
};

/** Forgets a start that was refused after all, so that the same key may try again. */
export const forgetStart = async (sql: Sql, runId: RunId): Promise<void> => {
  await sql.execute('DELETE FROM start_idempotency_keys WHERE run_id = $1', [runId]);
};

export const removeExpiredKeys = (sql: Sql): Promise<number> =>
  sql.execute(
    'DELETE FROM start_idempotency_keys WHERE created_at < now() - make_interval(days => $1)',
    [KEY_LIFETIME_DAYS],
  );
