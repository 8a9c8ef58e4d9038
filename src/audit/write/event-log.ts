import path from 'node:path';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { appendLines, syncFile, syncFolderOf } from '#storage/jsonl/append-lines';
import type { FileLock } from '#storage/jsonl/file-lock';
import type { AuditEvent } from '../audit-event.ts';
import type { WriteAnswer } from '../audit-store.ts';
import { ensureAuditDirectory } from '../files/audit-directory.ts';
import { jsonlName } from '../files/audit-files.ts';
import { appendFaultText, LOCK_WAIT_MS, lockWithin } from './append-fault.ts';
import { EventQueue } from './event-queue.ts';
import { Rounds } from './rounds.ts';
import { SoonestTimer } from './soonest-timer.ts';

/** When events are forced onto the disk: with each append, each second, or when the system likes. */
export type FsyncMode = 'always' | 'interval' | 'never';

/** Half of the ten milliseconds that an event may wait, for timers are late. */
const GATHER_MS = 5;
const SYNC_INTERVAL_MS = 1_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 1_000;
const NEWLINE = 0x0a;

const ACCEPTED: WriteAnswer = { outcome: 'accepted' };

export interface EventLogOptions {
  /** One of ours. */
  readonly directory: string;
  readonly fsync: FsyncMode;
  readonly clock: Clock;
  /** Of the directory; released after each append. */
  readonly lock: FileLock;
  /** Called under the lock before a day's file grows, with its size. */
  readonly beforeAppend?: (day: string, sizeBytes: number) => Promise<void>;
  readonly onAppended?: (count: number) => void;
  readonly onTornTail: (day: string, bytes: number) => void;
  /** Told once when appending starts to fail, and with null once it works again. */
  readonly onFault: (reason: string | null) => void;
}

const countLines = (bytes: Buffer): number => {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
};

/**
 * Appends events to the daily files of a directory in groups. What was accepted
 * stays in memory until it is in a file; while appending fails nothing more is
 * accepted and the append is tried again.
 */
export class EventLog {
  /** Why events are refused at the moment. */
  fault: string | null = null;
  private readonly options: EventLogOptions;
  private readonly queue = new EventQueue();
  private readonly rounds = new Rounds(() => this.commit());
  private readonly unsynced = new Set<string>();
  private isClosed = false;
  private readonly stopSyncing: () => void;
  private readonly timer: SoonestTimer;
  private retryMs = FIRST_RETRY_MS;

  constructor(options: EventLogOptions) {
    this.options = options;
    this.timer = new SoonestTimer(options.clock, () => void this.attempt());
    this.stopSyncing =
      options.fsync === 'interval'
        ? options.clock.every(SYNC_INTERVAL_MS, () => {
            this.syncUnsynced().catch((error: unknown) => this.setFault(appendFaultText(error)));
          })
        : () => undefined;
  }

  get pendingEvents(): number {
    return this.queue.size;
  }

  get isFull(): boolean {
    return this.queue.isFull;
  }

  accept(event: AuditEvent): WriteAnswer {
    const refusal = this.refusal();
    if (refusal !== null) return { outcome: 'refused', reason: refusal };
    this.queue.add(event);
    this.timer.schedule(GATHER_MS);
    return ACCEPTED;
  }

  /** Tries now; what cannot be written stays and is told by `fault`. */
  async commitNow(): Promise<void> {
    if (this.queue.size > 0) await this.rounds.next();
  }

  /** Everything accepted before is in the files, and on the disk unless fsync is `never`. */
  async flush(): Promise<void> {
    await this.commitNow();
    if (this.fault === null && this.options.fsync !== 'never') {
      await this.syncUnsynced().catch((error: unknown) => this.setFault(appendFaultText(error)));
    }
    if (this.fault !== null) {
      throw new AppError('unavailable', `Audit events are not kept yet: ${this.fault}.`);
    }
  }

  /** Writes what it can; answers how many events were lost. The lock is its owner's to close. */
  async close(): Promise<number> {
    this.isClosed = true;
    this.timer.stop();
    this.stopSyncing();
    await this.flush().catch(() => undefined);
    return this.queue.size;
  }

  private refusal(): string | null {
    if (this.isClosed) return 'the audit store is closed';
    if (this.fault !== null) return this.fault;
    return this.queue.isFull
      ? 'the buffer of audit events is full because the disk is too slow'
      : null;
  }

  private async attempt(): Promise<void> {
    await this.rounds.next();
    if (this.fault !== null) {
      this.timer.schedule(this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
    } else if (this.queue.size > 0) this.timer.schedule(GATHER_MS);
  }

  private setFault(reason: string | null): void {
    if (reason === this.fault) return;
    const hadFault = this.fault !== null;
    this.fault = reason;
    if (reason === null) this.retryMs = FIRST_RETRY_MS;
    else this.timer.schedule(this.retryMs);
    // Another reason for the same trouble is not told again.
    if (reason === null || !hadFault) this.options.onFault(reason);
  }

  /** One round: what waits now goes to the files, days apart, so that one bad file holds up no other. */
  private async commit(): Promise<void> {
    let fault: string | null = null;
    for (const { day, count } of this.queue.waiting()) {
      fault = (await this.commitDay(day, count)) ?? fault;
    }
    if (fault === null && this.fault !== null && this.queue.size === 0) {
      fault = await this.syncUnsynced().then(() => null, appendFaultText);
    }
    this.setFault(fault);
  }

  private async commitDay(day: string, count: number): Promise<string | null> {
    for (let left = count; left > 0; ) {
      const piece = this.queue.piece(day);
      const { appended, fault } = await this.append(day, piece.bytes);
      const stored =
        appended === piece.bytes.length
          ? piece.count
          : countLines(piece.bytes.subarray(0, appended));
      this.queue.drop(day, stored);
      if (stored > 0) this.options.onAppended?.(stored);
      if (fault !== undefined) return appendFaultText(fault);
      left -= piece.count;
    }
    return null;
  }

  private async append(
    day: string,
    lines: Buffer,
  ): Promise<{ readonly appended: number; readonly fault: unknown }> {
    const { directory, fsync, clock, lock, beforeAppend } = this.options;
    const file = path.join(directory, jsonlName(day));
    try {
      await ensureAuditDirectory(directory);
      await lockWithin(lock, clock, LOCK_WAIT_MS);
    } catch (fault) {
      return { appended: 0, fault };
    }
    try {
      const done = await appendLines({
        file,
        lines,
        sync: fsync === 'always',
        ...(beforeAppend === undefined
          ? {}
          : { beforeWrite: (sizeBytes) => beforeAppend(day, sizeBytes) }),
      });
      if (done.tornBytes > 0) this.options.onTornTail(day, done.tornBytes);
      if (done.bytes > 0 && (fsync !== 'always' || done.fault !== undefined))
        this.unsynced.add(file);
      if (fsync === 'always' && done.madeFile && done.fault === undefined) await syncFolderOf(file);
      return { appended: done.bytes, fault: done.fault };
    } catch (fault) {
      return { appended: lines.length, fault };
    } finally {
      lock.release();
    }
  }

  private async syncUnsynced(): Promise<void> {
    for (const file of [...this.unsynced]) {
      this.unsynced.delete(file);
      try {
        // With the file its folder may be gone, and a fault of that would never end by itself.
        if (await syncFile(file)) await syncFolderOf(file);
      } catch (error) {
        this.unsynced.add(file);
        throw error;
      }
    }
  }
}
