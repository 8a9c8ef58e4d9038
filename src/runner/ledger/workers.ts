import type { JsonObject } from '#core/json';
import type { Sql } from '#storage/database';

/** A worker that was not seen for this long counts as gone (milliseconds, the database's clock). */
const ALIVE_MS = 15_000;

export interface WorkerRecord {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** The settings on which a run's result depends, by variable name; no secrets. */
  readonly settings: JsonObject;
}

export const recordHeartbeat = async (sql: Sql, worker: WorkerRecord): Promise<void> => {
  await sql.execute(
    `INSERT INTO workers (id, host, pid, settings) VALUES ($1, $2, $3, $4)
     ON CONFLICT (id) DO UPDATE SET seen_at = now()`,
    [worker.id, worker.host, worker.pid, JSON.stringify(worker.settings)],
  );
};

export const removeWorker = async (sql: Sql, id: string): Promise<void> => {
  await sql.execute('DELETE FROM workers WHERE id = $1', [id]);
};

export const listLiveWorkers = (sql: Sql): Promise<readonly WorkerRecord[]> =>
  sql.query<WorkerRecord>(
    `SELECT id, host, pid, settings FROM workers
     WHERE seen_at > now() - make_interval(secs => $1 / 1000.0) ORDER BY id`,
    [ALIVE_MS],
  );

export const removeDeadWorkers = (sql: Sql): Promise<number> =>
  sql.execute(`DELETE FROM workers WHERE seen_at < now() - interval '1 day'`);
