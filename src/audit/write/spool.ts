import { rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#core/clock';
import { cutTornTail } from '#storage/jsonl/append-lines';
import type { FileLock } from '#storage/jsonl/file-lock';
import { jsonlName } from '../files/audit-files.ts';
import { LOCK_WAIT_MS, lockWithin } from './append-fault.ts';
import type { AuditLog } from './audit-log.ts';
import { countLinesFrom } from './spool-batch.ts';
import {
  listSpooledDays,
  newSidecarId,
  readSidecar,
  removeSidecar,
  type Sidecar,
  setSidecarAside,
  writeSidecar,
} from './spool-sidecar.ts';

/** How far a day's file had grown at a moment. */
export interface SpoolMark {
  readonly day: string;
  readonly id: string;
  readonly sizeBytes: number;
}

export interface SpoolOptions {
  readonly directory: string;
  /** Of the directory, the one by which this process appends. */
  readonly lock: FileLock;
  readonly clock: Clock;
  readonly logger: AuditLog;
  /** Have a new sidecar on the disk before events that depend on it. */
  readonly sync: boolean;
  readonly onTornTail: (day: string, bytes: number) => void;
}

/**
 * The daily files as a queue for PostgreSQL. Each step is safe to be the last
 * one of a process: a sidecar comes before the first event that it names, a
 * file is cut only when the table has all of it, and the sidecar goes after
 * that. One that points beyond its file's end is what a crash between the last
 * two leaves; it is replaced, so that no offset is used twice under one id.
 */
export class Spool {
  readonly directory: string;
  private readonly options: SpoolOptions;
  private readonly lock: FileLock;

  constructor(options: SpoolOptions) {
    this.directory = options.directory;
    this.options = options;
    this.lock = options.lock;
  }

  fileOf(day: string): string {
    return path.join(this.directory, jsonlName(day));
  }

  /** Bytes of the day's file; 0 when it is missing. */
  async sizeOf(day: string): Promise<number> {
    const found = await stat(this.fileOf(day)).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    return found?.size ?? 0;
  }

  listDays(): Promise<readonly string[]> {
    return listSpooledDays(this.directory);
  }

  /** Makes the day one that is forwarded, from its present end on. The caller holds the directory's lock. */
  async beforeAppend(day: string, sizeBytes: number): Promise<void> {
    const found = await this.find(day);
    if (found !== undefined && found.confirmedBytes <= sizeBytes) return;
    await writeSidecar(
      this.directory,
      day,
      {
        id: newSidecarId(this.options.clock.now()),
        baseBytes: sizeBytes,
        confirmedBytes: sizeBytes,
      },
      this.options.sync,
    );
  }

  /**
   * The day's sidecar, if it can be used. A garbled one is set aside: which of
   * the file's events are in the table is not known any more, and none is to be
   * there twice, so they stay in the file.
   */
  async find(day: string): Promise<Sidecar | undefined> {
    const found = await readSidecar(this.directory, day);
    if (found.state === 'found') return found.sidecar;
    if (found.state === 'garbled') {
      await setSidecarAside(this.directory, day, this.options.clock.now());
      this.options.logger.error(
        { file: jsonlName(day) },
        'the audit spool lost count of a day: its events stay in the file and are not forwarded to PostgreSQL',
      );
    }
    return undefined;
  }

  /** Notes that everything before the offset is in the table. */
  confirm(day: string, id: string, offset: number): Promise<void> {
    return this.locked(async () => {
      const found = await this.find(day);
      if (found === undefined || found.id !== id || found.confirmedBytes >= offset) return;
      await writeSidecar(this.directory, day, { ...found, confirmedBytes: offset }, false);
    });
  }

  /** Takes what is confirmed out of the file, when that is all of it. */
  cutWhenConfirmed(day: string): Promise<void> {
    return this.locked(() => this.cutHeld(day));
  }

  /** Runs `work` while nobody appends, then takes what is confirmed out of the file. */
  withoutAppends(day: string, work: () => Promise<number | undefined>): Promise<void> {
    return this.locked(async () => {
      const found = await this.find(day);
      const offset = await work();
      if (found === undefined || offset === undefined) return;
      await writeSidecar(this.directory, day, { ...found, confirmedBytes: offset }, false);
      await this.cutHeld(day);
    });
  }

  async mark(): Promise<readonly SpoolMark[]> {
    const marks: SpoolMark[] = [];
    for (const day of await this.listDays()) {
      const found = await this.find(day);
      if (found !== undefined) marks.push({ day, id: found.id, sizeBytes: await this.sizeOf(day) });
    }
    return marks;
  }

  /** Whether everything before the marks is in the table. */
  async isConfirmed(marks: readonly SpoolMark[]): Promise<boolean> {
    for (const { day, id, sizeBytes } of marks) {
      const found = await this.find(day);
      if (found?.id === id && found.confirmedBytes < sizeBytes) return false;
    }
    return true;
  }

  /** How many whole lines are not known to be in the table. */
  async countWaiting(): Promise<number> {
    let count = 0;
    for (const { day, sizeBytes } of await this.mark()) {
      const found = await this.find(day);
      if (found === undefined || found.confirmedBytes >= sizeBytes) continue;
      count += await countLinesFrom(this.fileOf(day), found.confirmedBytes);
    }
    return count;
  }

  private async cutHeld(day: string): Promise<void> {
    const found = await this.find(day);
    if (found === undefined) return;
    const tornBytes = await cutTornTail(this.fileOf(day));
    if (tornBytes > 0) this.options.onTornTail(day, tornBytes);
    const sizeBytes = await this.sizeOf(day);
    if (found.confirmedBytes < sizeBytes) return;
    if (found.confirmedBytes === sizeBytes) {
      if (found.baseBytes === 0) await rm(this.fileOf(day), { force: true });
      else await truncate(this.fileOf(day), found.baseBytes);
    }
    await removeSidecar(this.directory, day);
  }

  private async locked<T>(work: () => Promise<T>): Promise<T> {
    await lockWithin(this.lock, this.options.clock, LOCK_WAIT_MS);
    try {
      return await work();
    } finally {
      this.lock.release();
    }
  }
}
