import type { RunId } from '#core/ids';
import type { Database, Sql } from '#storage/database';

/** A lease without renewal is free after this long (milliseconds, the database's clock). */
export const LEASE_MS = 15_000;

export interface Lease {
  /** `task:<id>` where only one run of a task may be active, else `run:<id>`. */
  readonly scope: string;
  readonly runId: RunId;
  /** Fencing token: greater than that of every earlier holder. */
  readonly token: number;
}

export type LeaseAttempt =
  | { readonly held: true; readonly lease: Lease }
  | { readonly held: false; readonly by: RunId };

// The same run may take its own lease over: the queue engine delivers a job
// again only after it gave the first worker up, and the new token fences it.
const ACQUIRE = `
  INSERT INTO task_leases AS l (scope, run_id, holder, token, expires_at)
  VALUES ($1, $2, $3, nextval('task_lease_tokens'), now() + make_interval(secs => $4 / 1000.0))
  ON CONFLICT (scope) DO UPDATE
    SET run_id = EXCLUDED.run_id, holder = EXCLUDED.holder, token = EXCLUDED.token,
        expires_at = EXCLUDED.expires_at
    WHERE l.expires_at < now() OR l.run_id = EXCLUDED.run_id
  RETURNING token`;

export const acquireLease = async (
  sql: Sql,
  claim: { readonly scope: string; readonly runId: RunId; readonly holder: string },
): Promise<LeaseAttempt> => {
  const [row] = await sql.query<{ token: number }>(ACQUIRE, [
    claim.scope,
    claim.runId,
    claim.holder,
    LEASE_MS,
  ]);
  if (row !== undefined)
    return {
      held: true,
      lease: { scope: claim.scope, runId: claim.runId, token: Number(row.token) },
    };
  const [holder] = await sql.query<{ run_id: string }>(
    'SELECT run_id FROM task_leases WHERE scope = $1',
    [claim.scope],
  );
  // Freed between the two statements: the caller comes again soon.
  return { held: false, by: (holder?.run_id ?? claim.runId) as RunId };
};

export const releaseLease = async (sql: Sql, lease: Lease): Promise<void> => {
  await sql.execute('DELETE FROM task_leases WHERE scope = $1 AND token = $2', [
    lease.scope,
    lease.token,
  ]);
};

/** True while nobody else took the lease; checked in the transaction of every write of a run. */
export const isLeaseHeld = async (sql: Sql, lease: Lease): Promise<boolean> => {
  const rows = await sql.query(
    'SELECT 1 FROM task_leases WHERE scope = $1 AND token = $2 FOR SHARE',
    [lease.scope, lease.token],
  );
  return rows.length === 1;
};

export interface RenewedLease {
  readonly scope: string;
  readonly token: number;
  readonly cancel: { readonly by: string; readonly reason: string } | null;
}

// An expired lease that nobody took is still ours: the database may have been
// away for longer than the lease lasts, for everybody alike.
const RENEW = `
  WITH held AS (SELECT h.scope, h.token FROM unnest($1::text[], $2::bigint[]) AS h (scope, token)),
  renewed AS (
    UPDATE task_leases l SET expires_at = now() + make_interval(secs => $3 / 1000.0)
    FROM held WHERE l.scope = held.scope AND l.token = held.token
    RETURNING l.scope, l.token, l.run_id)
  SELECT renewed.scope, renewed.token, r.cancel_requested_by, r.cancel_reason
  FROM renewed LEFT JOIN task_runs r ON r.id = renewed.run_id`;

/** Renews all leases of a process in one statement; what is missing from the answer is lost. */
export const renewLeases = async (
  database: Database,
  leases: readonly Lease[],
): Promise<readonly RenewedLease[]> => {
  const rows = await database.query<{
    scope: string;
    token: number;
    cancel_requested_by: string | null;
    cancel_reason: string | null;
  }>(RENEW, [leases.map(({ scope }) => scope), leases.map(({ token }) => token), LEASE_MS]);
  return rows.map((row) => ({
    scope: row.scope,
    token: Number(row.token),
    cancel:
      row.cancel_requested_by === null
        ? null
        : { by: row.cancel_requested_by, reason: row.cancel_reason ?? '' },
  }));
};
