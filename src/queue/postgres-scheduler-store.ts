import type { ReconnectingPool } from './reconnecting-pool.ts';
import { slotJobId } from './scheduled-slot.ts';
import type { SchedulerRecord, SchedulerStore, SlotKey, SlotRecord } from './scheduler-store.ts';

const LIST_SCHEDULERS = `
SELECT s.scheduler_id, s.name, s.pattern, s.every_ms, s.tz, s.next_run_ms, s.template_data,
       s.template_opts -> 'attempts' AS attempts, j.state::text AS slot_state
  FROM scheduler s
  LEFT JOIN job j
    ON j.queue = s.queue AND j.id = 'repeat:' || s.scheduler_id || ':' || s.next_run_ms
 WHERE s.queue = $1
 ORDER BY s.next_run_ms, s.scheduler_id`;

const READ_STATES = `
SELECT j.state::text AS state
  FROM unnest($2::text[]) WITH ORDINALITY AS wanted (id, place)
  LEFT JOIN job j ON j.queue = $1 AND j.id = wanted.id
 ORDER BY wanted.place`;

const READ_SLOT = `
SELECT (SELECT state::text FROM job WHERE queue = $1 AND id = $3) AS state,
       (SELECT next_run_ms FROM scheduler WHERE queue = $1 AND scheduler_id = $2) AS next_run_ms`;

const REMOVE_FINISHED = `
DELETE FROM job WHERE queue = $1 AND id = $2 AND state IN ('completed', 'failed')`;

interface SchedulerRow {
  readonly scheduler_id: string;
  readonly name: string | null;
  readonly pattern: string | null;
  /** bigint, which pg hands over as text. */
  readonly every_ms: string | null;
  readonly tz: string | null;
  readonly next_run_ms: string | null;
  readonly template_data: unknown;
  readonly attempts: unknown;
  readonly slot_state: string | null;
}

const asNumber = (bigint: string | null): number | null =>
  bigint === null ? null : Number(bigint);

/** BullMQ's schedulers in PostgreSQL, each read in one statement. */
export class PostgresSchedulerStore implements SchedulerStore {
  readonly #pool: ReconnectingPool;

  constructor(pool: ReconnectingPool) {
    this.#pool = pool;
  }

  async listSchedulers(queueName: string): Promise<readonly SchedulerRecord[]> {
    const { rows } = await this.#pool.query<SchedulerRow>(LIST_SCHEDULERS, [queueName]);
    return rows.map((row) => ({
      schedulerId: row.scheduler_id,
      jobName: row.name,
      pattern: row.pattern,
      everyMs: asNumber(row.every_ms),
      timezone: row.tz,
      nextMs: asNumber(row.next_run_ms),
      data: row.template_data ?? {},
      attempts: row.attempts,
      slotState: row.slot_state,
    }));
  }

  async readStates(
    queueName: string,
    jobIds: readonly string[],
  ): Promise<readonly (string | null)[]> {
    const { rows } = await this.#pool.query<{ readonly state: string | null }>(READ_STATES, [
      queueName,
      jobIds,
    ]);
    return rows.map(({ state }) => state);
  }

  async readSlot(queueName: string, { schedulerId, slotMs }: SlotKey): Promise<SlotRecord> {
    const { rows } = await this.#pool.query<{
      readonly state: string | null;
      readonly next_run_ms: string | null;
    }>(READ_SLOT, [queueName, schedulerId, slotJobId(schedulerId, slotMs)]);
    const [row] = rows;
    return { state: row?.state ?? null, nextMs: asNumber(row?.next_run_ms ?? null) };
  }

  async removeFinished(queueName: string, jobId: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(REMOVE_FINISHED, [queueName, jobId]);
    return rowCount === 1;
  }
}
