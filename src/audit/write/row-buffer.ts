import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import type { Database } from '#storage/database';
import type { AuditEvent } from '../audit-event.ts';
import type { WriteAnswer } from '../audit-store.ts';
import type { AuditLog } from './audit-log.ts';
import { type CopyRow, copyRow } from './copy-row.ts';
import { endsWithin, withDeadline } from './deadline.ts';
import { postgresFaultText } from './postgres-fault.ts';
import type { Rejection } from './rejected-events.ts';
import { Rounds } from './rounds.ts';
import { SoonestTimer } from './soonest-timer.ts';
import { eventIdAt, newSidecarId } from './spool-sidecar.ts';
import { PROBE, storeRows } from './store-rows.ts';

/** What covers a reconnect; more than that would be an outage that nobody hears of. */
const MAX_EVENTS = 10_000;
const ROWS_PER_BATCH = 5_000;
const GATHER_MS = 20;
const PROBE_INTERVAL_MS = 1_000;
const PROBE_MS = 2_000;
const BATCH_DEADLINE_MS = 10_000;
/** How long `flush` waits for a database that is away. */
const FLUSH_MS = 5_000;

const ACCEPTED: WriteAnswer = { outcome: 'accepted' };

export interface RowBufferOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: AuditLog;
  readonly onRejected: (rejection: Rejection) => void;
}

/** Events in memory on their way to PostgreSQL. It probes the database, so that its state is known without a write. */
export class RowBuffer {
  fault: string | null = null;
  private readonly options: RowBufferOptions;
  private readonly id: string;
  private made = 0;
  private rows: CopyRow[] = [];
  private readonly rounds = new Rounds(() => this.round());
  private readonly stop = new AbortController();
  private readonly stopProbing: () => void;
  private readonly timer: SoonestTimer;
  private isClosing = false;

  constructor(options: RowBufferOptions) {
    this.options = options;
    this.id = newSidecarId(options.clock.now());
    this.timer = new SoonestTimer(options.clock, () => void this.rounds.next());
    // Also the retry while it is away.
    this.stopProbing = options.clock.every(PROBE_INTERVAL_MS, () => this.timer.schedule(0));
  }

  get size(): number {
    return this.rows.length;
  }

  get isFull(): boolean {
    return this.rows.length >= MAX_EVENTS;
  }

  accept(event: AuditEvent): WriteAnswer {
    if (this.isClosing) return { outcome: 'refused', reason: 'the audit store is closed' };
    if (this.isFull) {
      return {
        outcome: 'refused',
        reason: `the buffer of ${MAX_EVENTS} audit events is full because PostgreSQL does not take them`,
      };
    }
    this.made += 1;
    this.rows.push(copyRow(event, eventIdAt(this.id, this.made)));
    if (this.fault === null) this.timer.schedule(GATHER_MS);
    return ACCEPTED;
  }

  /** Tries now. */
  async storeNow(): Promise<void> {
    await this.rounds.next();
  }

  async flush(): Promise<void> {
    const { clock } = this.options;
    const isDone =
      this.rows.length === 0 || (await endsWithin(clock, FLUSH_MS, this.rounds.next()));
    if (isDone && this.fault === null) return;
    throw new AppError(
      'unavailable',
      `Audit events are not stored yet: ${this.fault ?? `PostgreSQL did not take them within ${FLUSH_MS} ms`}.`,
    );
  }

  /** Stores what it can within `ms`; answers how many events were lost. */
  async close(ms: number): Promise<number> {
    this.isClosing = true;
    this.stopProbing();
    this.timer.stop();
    if (this.rows.length > 0) {
      await endsWithin(this.options.clock, ms, this.rounds.next());
    }
    this.stop.abort();
    return this.rows.length;
  }

  private async round(): Promise<void> {
    try {
      if (this.rows.length === 0 || this.fault !== null) await this.probe();
      for (let left = this.rows.length; left > 0 && !this.stop.signal.aborted; ) {
        const batch = this.rows.slice(0, Math.min(left, ROWS_PER_BATCH));
        await this.storeBatch(batch);
        this.rows.splice(0, batch.length);
        left -= batch.length;
      }
      this.setUp();
    } catch (error) {
      this.setDown(error);
    }
  }

  private async probe(): Promise<void> {
    const { clock, database } = this.options;
    await database.ping(PROBE_MS);
    await withDeadline({ clock, ms: PROBE_MS, parent: this.stop.signal }, (signal) =>
      database.transaction((sql) => sql.query(PROBE), { signal }),
    );
  }

  private async storeBatch(rows: readonly CopyRow[]): Promise<void> {
    const { clock, database, logger, onRejected } = this.options;
    const refused = await withDeadline(
      { clock, ms: BATCH_DEADLINE_MS, parent: this.stop.signal },
      (signal) => storeRows({ database, rows, signal }),
    );
    for (const { state } of refused) {
      onRejected({ reason: `PostgreSQL refused the event (${state})`, fields: [] });
    }
    if (refused.length > 0) {
      logger.error(
        { events: refused.length, states: [...new Set(refused.map(({ state }) => state))] },
        'PostgreSQL refused audit events for what stands in them; they are lost',
      );
    }
  }

  private setUp(): void {
    if (this.fault !== null) this.options.logger.info({}, 'AuditStore: Postgres is back');
    this.fault = null;
  }

  private setDown(error: unknown): void {
    if (this.stop.signal.aborted) return;
    const fault = postgresFaultText(error);
    if (this.fault === null) {
      this.options.logger.error(
        {},
        `Postgres write failed (${fault}); tool calls are refused until it is back`,
      );
    }
    this.fault = fault;
  }
}
