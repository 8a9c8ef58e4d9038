import type { Clock } from '#core/clock';
import type { Database } from '#storage/database';
import { FileLock } from '#storage/jsonl/file-lock';
import type { AuditLog } from './audit-log.ts';
import { withDeadline } from './deadline.ts';
import { forwardDay } from './forward-day.ts';
import { isFileFault, postgresFaultText } from './postgres-fault.ts';
import type { Rejection } from './rejected-events.ts';
import { Rounds } from './rounds.ts';
import { SoonestTimer } from './soonest-timer.ts';
import type { Spool, SpoolMark } from './spool.ts';
import { forwardLockFile } from './spool-places.ts';
import { PROBE } from './store-rows.ts';

/** Events gather for this long, so that a batch is worth its transaction. */
const GATHER_MS = 50;
/** What other processes left or left behind is looked for this often. */
const POLL_MS = 1_000;
/** An empty file is taken away and made again at most this often. */
const CUT_INTERVAL_MS = 1_000;
const FIRST_RETRY_MS = 250;
const PROBE_MS = 2_000;
const BUSY_PAUSE_MS = 20;

/** How a pass over the spool ended. */
type PassEnd =
  | 'done'
  /** Another process forwards. */
  | 'busy'
  /** PostgreSQL or the spool could not be used. */
  | 'failed';

export interface ForwarderOptions {
  readonly spool: Spool;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: AuditLog;
  /** The longest pause between two attempts while PostgreSQL is away. */
  readonly recoveryMs: number;
  readonly onRejected: (rejection: Rejection) => void;
}

/**
 * Brings the spool to PostgreSQL and knows whether that is there. One process
 * of those that share a directory forwards at a time; each looks every second
 * whether somebody has to.
 */
export class Forwarder {
  /** Why PostgreSQL cannot be used; null while it can. */
  fault: string | null = null;
  /** Why the spool's own files could not be read, if so. */
  spoolFault: string | null = null;
  failovers = 0;
  /** Lines appended by this process, or found at the start, that are not known to be forwarded. */
  waitingEvents = 0;
  private appends = 0;
  private forwardedSinceFault = 0;
  private isRecovering = false;
  private readonly timer: SoonestTimer;
  private retryMs = FIRST_RETRY_MS;
  private readonly cutAt = new Map<string, number>();
  private readonly options: ForwarderOptions;
  private readonly lock: FileLock;
  private readonly rounds = new Rounds(() => this.pass());
  private readonly stop = new AbortController();
  private stopPolling: () => void = () => undefined;
  private isClosing = false;

  constructor(options: ForwarderOptions) {
    this.options = options;
    this.lock = new FileLock(forwardLockFile(options.spool.directory));
    this.timer = new SoonestTimer(options.clock, () => void this.attempt());
  }

  /** Resolves once it is known whether PostgreSQL is there, after two seconds at most. */
  async start(): Promise<void> {
    this.waitingEvents += await this.options.spool.countWaiting();
    await this.probeNow();
    this.stopPolling = this.options.clock.every(POLL_MS, () => {
      if (this.fault === null) this.timer.schedule(0);
    });
    if (this.fault === null) this.timer.schedule(0);
  }

  noteAppended(count: number): void {
    this.appends += 1;
    this.waitingEvents += count;
    if (this.fault === null) this.timer.schedule(GATHER_MS);
  }

  /** Tries now, whatever was tried before. */
  forwardNow(): Promise<PassEnd> {
    return this.rounds.next();
  }

  /** Looks whether PostgreSQL is there, although nothing has to be forwarded. */
  async probeNow(): Promise<void> {
    await this.probe().then(
      () => this.setUp(),
      (error: unknown) => this.setDown(error),
    );
  }

  /** Whether everything before the marks is in the table, after `waitMs` at most. */
  async forwardUpTo(marks: readonly SpoolMark[], waitMs: number): Promise<boolean> {
    const { clock, spool } = this.options;
    return withDeadline({ clock, ms: waitMs }, async (tooLate) => {
      while (!tooLate.aborted) {
        const end = await Promise.race([this.forwardNow(), untilAborted(tooLate)]);
        if (end === undefined || end === 'failed') break;
        if (await spool.isConfirmed(marks)) return true;
        if (end === 'busy') await clock.sleep(BUSY_PAUSE_MS, tooLate);
      }
      return spool.isConfirmed(marks);
    });
  }

  /** One last attempt of `ms` at most. */
  async close(ms: number): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    this.stopPolling();
    this.timer.stop();
    const ended = new AbortController();
    void this.options.clock.sleep(ms, ended.signal).then(() => this.stop.abort());
    await this.forwardNow().catch(() => undefined);
    ended.abort();
    this.stop.abort();
    await this.lock.close();
  }

  private async attempt(): Promise<void> {
    if (this.isClosing || (await this.rounds.next()) !== 'failed') return;
    this.timer.schedule(this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, this.options.recoveryMs);
  }

  private async pass(): Promise<PassEnd> {
    try {
      // Before the lock, so that a process whose neighbour forwards learns of the recovery as well.
      if (this.fault !== null) await this.probe();
      this.setUp();
      if (!(await this.lock.tryAcquire())) return 'busy';
      const isWhole = await this.forwardDays();
      if (isWhole) this.setRecovered();
      return isWhole ? 'done' : 'failed';
    } catch (error) {
      if (isFileFault(error)) return this.failedSpool(error);
      this.setDown(error);
      return 'failed';
    } finally {
      this.lock.release();
    }
  }

  private async probe(): Promise<void> {
    const { clock, database } = this.options;
    await database.ping(PROBE_MS);
    await withDeadline({ clock, ms: PROBE_MS, parent: this.stop.signal }, (signal) =>
      database.transaction((sql) => sql.query(PROBE), { signal }),
    );
  }

  /** Answers false when a day's files could not be used; the other days are forwarded all the same. */
  private async forwardDays(): Promise<boolean> {
    const { spool } = this.options;
    const { appends } = this;
    const days = await spool.listDays();
    if (days.length === 0 && appends === this.appends) this.waitingEvents = 0;
    let isWhole = true;
    for (const day of days) {
      if (this.stop.signal.aborted) return false;
      try {
        await this.forwardDay(day);
      } catch (error) {
        if (!isFileFault(error)) throw error;
        this.failedSpool(error);
        isWhole = false;
      }
    }
    if (isWhole) this.spoolFault = null;
    return isWhole;
  }

  private async forwardDay(day: string): Promise<void> {
    await forwardDay(
      {
        ...this.options,
        signal: this.stop.signal,
        onForwarded: (lines, rows) => {
          this.waitingEvents = Math.max(0, this.waitingEvents - lines);
          this.forwardedSinceFault += rows;
        },
      },
      day,
    );
    await this.cut(day);
  }

  private async cut(day: string): Promise<void> {
    const now = this.options.clock.now().getTime();
    // A clock that was set back must not put off the next cut until it has caught up.
    const isRecent = (at: number): boolean => Math.abs(now - at) < CUT_INTERVAL_MS;
    if (!this.isClosing && isRecent(this.cutAt.get(day) ?? 0)) return;
    await this.options.spool.cutWhenConfirmed(day);
    for (const [other, at] of this.cutAt) if (!isRecent(at)) this.cutAt.delete(other);
    this.cutAt.set(day, now);
  }

  private failedSpool(error: unknown): PassEnd {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    const fault = `the audit spool cannot be read or cut (${typeof code === 'string' ? code : 'unexpected fault'})`;
    if (this.spoolFault === null) this.options.logger.error({ err: error }, fault);
    this.spoolFault = fault;
    return 'failed';
  }

  private setDown(error: unknown): void {
    // The end of the process is nobody's fault.
    if (this.stop.signal.aborted) return;
    const fault = postgresFaultText(error);
    if (this.fault === null) {
      this.failovers += 1;
      this.forwardedSinceFault = 0;
      this.options.logger.warn({}, `Postgres write failed (${fault}), switching to JSONL fallback`);
      this.timer.schedule(this.retryMs);
    }
    this.fault = fault;
    this.isRecovering = true;
  }

  private setUp(): void {
    if (this.fault !== null) this.failovers += 1;
    this.fault = null;
    this.retryMs = FIRST_RETRY_MS;
  }

  private setRecovered(): void {
    if (!this.isRecovering) return;
    this.isRecovering = false;
    this.options.logger.info(
      {},
      `AuditStore: Postgres is back; ${this.forwardedSinceFault} events forwarded`,
    );
  }
}

const untilAborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
