import path from 'node:path';
import { type AuditFile, jsonlName, listAuditFiles, parquetName } from '../files/audit-files.ts';
import { directoryLockFile } from '../write/spool-places.ts';
import { readSidecar } from '../write/spool-sidecar.ts';
import {
  checkLines,
  checkParquet,
  type FileDay,
  isParquetUnplaced,
  isRemovalUnfinished,
  type ParquetDay,
} from './check-file-day.ts';
import { dayFilesOf, readDay, readUndamaged, sizeOf } from './day-content.ts';
import { coveredTo, type DayLedger, type DayState } from './day-ledger.ts';
import type { EventsDigest } from './digest-record.ts';
import { digestSegments } from './digest-segments.ts';
import type { Exclusively } from './exclusively.ts';
import type { DayCheck, Trail } from './trail.ts';

export interface JsonlTrailOptions {
  /** An audit directory that is ours. */
  readonly directory: string;
  readonly exclusively: Exclusively;
}

const listFiles = async (directory: string): Promise<readonly AuditFile[]> => {
  try {
    return await listAuditFiles(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
};

const emptyBeyond = async (from: number): Promise<EventsDigest> => {
  const { rest } = await digestSegments((async function* () {})(), []);
  return { covers: { from_byte: from, to_byte: from }, ...rest.digest() };
};

/** The daily files of a directory: lines in their order, as they were written. */
export class JsonlTrail implements Trail {
  readonly source = 'jsonl';
  readonly #directory: string;
  readonly #exclusively: Exclusively;

  constructor({ directory, exclusively }: JsonlTrailOptions) {
    this.#directory = directory;
    this.#exclusively = exclusively;
  }

  async settle(): Promise<number> {
    return 0;
  }

  async listPendingDays(ledger: DayLedger, before: string): Promise<readonly string[]> {
    const files = await listFiles(this.#directory);
    const pending = new Set<string>();
    for (const { day, form, isRegularFile } of files) {
      if (day >= before || !isRegularFile) continue;
      // An archive only grows by a file beside it, so a covered one need not be read again.
      const isCovered = coveredTo(ledger.of(day)) > 0;
      if (form === 'jsonl' || !isCovered) pending.add(day);
    }
    return [...pending].sort();
  }

  async digestBeyond(
    day: string,
    state: DayState,
    _settled: number,
    signal: AbortSignal,
  ): Promise<EventsDigest> {
    const from = coveredTo(state);
    const files = await this.#filesOf(day);
    const { gzip, jsonl } = files;
    const jsonlBytes = jsonl === undefined ? 0 : await this.#settledBytes(jsonl, from, gzip);
    if (gzip === undefined ? jsonlBytes <= from : jsonlBytes === 0 && from > 0)
      return emptyBeyond(from);
    if (await isRemovalUnfinished(this.#fileDay(day, state, files, signal)))
      return emptyBeyond(from);
    const covered = from === 0 ? [] : [from];
    // Of a day whose archive is damaged the chain speaks for what can be read; verifying tells the rest.
    const content = readUndamaged(readDay(files, signal, jsonlBytes));
    const { rest } = await digestSegments(content, covered);
    return { covers: { from_byte: from, to_byte: from + rest.bytes }, ...rest.digest() };
  }

  async checkDay(day: string, state: DayState, signal: AbortSignal): Promise<DayCheck> {
    const files = await this.#filesOf(day);
    const lines = await checkLines(this.#fileDay(day, state, files, signal));
    const damages = await checkParquet(this.#parquetDay(day, state, signal));
    return { damages: [...lines.damages, ...damages], uncovered: lines.uncovered };
  }

  /** Whether a Parquet file was announced and never took its place, since its compaction was stopped. */
  isParquetUnplaced(day: string, state: DayState, signal: AbortSignal): Promise<boolean> {
    return isParquetUnplaced(this.#parquetDay(day, state, signal));
  }

  /** `checkDay` sees everything of the days it is asked about. */
  async listUncovered(): Promise<readonly []> {
    return [];
  }

  #parquetDay(day: string, state: DayState, signal: AbortSignal): ParquetDay {
    const place = parquetName(day);
    return { day, state, file: path.join(this.#directory, place), place, signal };
  }

  async #filesOf(day: string) {
    return dayFilesOf(await listFiles(this.#directory), day);
  }

  #fileDay(day: string, state: DayState, files: FileDay['files'], signal: AbortSignal): FileDay {
    const place = (files.jsonl ?? files.gzip)?.name ?? jsonlName(day);
    return { day, state, files, place, signal };
  }

  /**
   * Bytes of the file that stay: all of them, or of a spool its history, since
   * the rest leaves for PostgreSQL and is covered there. Size and sidecar are
   * looked at under the writers' lock; between two looks a spool may come or go.
   */
  #settledBytes(jsonl: AuditFile, covered: number, gzip: AuditFile | undefined): Promise<number> {
    return this.#exclusively(directoryLockFile(this.#directory), async () => {
      const size = (await sizeOf(jsonl.path)) ?? 0;
      const found = await readSidecar(this.#directory, jsonl.day);
      if (found.state === 'missing') return size;
      // Nobody can tell what of the file stays: nothing new is covered.
      if (found.state === 'garbled') return gzip === undefined ? Math.min(size, covered) : 0;
      return Math.min(size, found.sidecar.baseBytes);
    });
  }
}
