import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { checkStoredEvent } from './check-audit-event.ts';
import { type CopyRow, copyRow, copyRowOfLine } from './copy-row.ts';
import { eventIdAt } from './spool-sidecar.ts';

/** One read, so that the event loop gets its turn between the lines of two reads. */
const BLOCK_BYTES = 128 * 1024;
/** Longest line that is taken; longer ones are skipped. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** A line of the spool that is no event. */
export interface BadLine {
  readonly offset: number;
  readonly reason: string;
  readonly field: string;
}

export interface SpoolBatch {
  readonly rows: readonly CopyRow[];
  readonly bad: readonly BadLine[];
  /** Lines of any kind between the batch's start and `nextOffset`. */
  readonly lines: number;
  /** Where the next batch starts: after the last whole line of this one. */
  readonly nextOffset: number;
}

export interface SpoolBatchRange {
  readonly file: string;
  /** Of the day's sidecar. */
  readonly id: string;
  readonly from: number;
  /** Nothing that starts at or after this byte is read. */
  readonly until: number;
  /** The batch ends with the read in which it reaches this many rows. */
  readonly enoughRows: number;
}

const lineFault = (line: Buffer): string | undefined => {
  if (line.length > MAX_LINE_BYTES) return `is longer than ${MAX_LINE_BYTES} bytes`;
  return isUtf8(line) ? undefined : 'is not valid UTF-8';
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

class BatchBuilder {
  readonly rows: CopyRow[] = [];
  readonly bad: BadLine[] = [];
  lines = 0;
  private readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  add(line: Buffer, offset: number): void {
    this.lines += 1;
    const fault = lineFault(line);
    const eventId = eventIdAt(this.id, offset);
    const text = fault === undefined ? line.toString('utf8') : '';
    const own = copyRowOfLine(text, eventId);
    if (own !== undefined) {
      this.rows.push(own);
      return;
    }
    const checked =
      fault === undefined
        ? checkStoredEvent(parsed(text))
        : ({ ok: false, reason: fault, field: '' } as const);
    if (checked.ok) this.rows.push(copyRow(checked.event, eventId));
    else this.bad.push({ offset, reason: checked.reason, field: checked.field });
  }

  /** Adds the whole lines of a block and answers how many bytes they are. */
  addLines(block: Buffer, offset: number): number {
    let start = 0;
    for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, start)) {
      this.add(block.subarray(start, end), offset + start);
      start = end + 1;
    }
    return start;
  }
}

/** Where the line that starts at `from` ends; undefined while it has no newline. */
const endOfLongLine = async (file: FileHandle, from: number): Promise<number | undefined> => {
  const block = Buffer.allocUnsafe(MAX_LINE_BYTES);
  for (let at = from; ; ) {
    const { bytesRead } = await file.read(block, 0, block.length, at);
    if (bytesRead === 0) return undefined;
    const newline = block.subarray(0, bytesRead).indexOf(NEWLINE);
    if (newline >= 0) return at + newline + 1;
    at += bytesRead;
  }
};

const fill = async (
  file: FileHandle,
  builder: BatchBuilder,
  range: SpoolBatchRange,
): Promise<number> => {
  let offset = range.from;
  let size = BLOCK_BYTES;
  while (offset < range.until && builder.rows.length < range.enoughRows) {
    const block = Buffer.allocUnsafe(Math.min(size, range.until - offset));
    const { bytesRead } = await file.read(block, 0, block.length, offset);
    const taken = builder.addLines(block.subarray(0, bytesRead), offset);
    offset += taken;
    if (taken > 0) size = BLOCK_BYTES;
    else if (bytesRead < size) break;
    else if (size < MAX_LINE_BYTES) size = 2 * MAX_LINE_BYTES;
    else {
      const end = await endOfLongLine(file, offset);
      if (end === undefined) break;
      builder.lines += 1;
      builder.bad.push({
        offset,
        reason: `is longer than ${MAX_LINE_BYTES} bytes`,
        field: '',
      });
      offset = end;
    }
  }
  return offset;
};

/** Reads whole lines of a spooled day as rows for COPY. What follows the last newline waits. */
export const readSpoolBatch = async (range: SpoolBatchRange): Promise<SpoolBatch> => {
  const builder = new BatchBuilder(range.id);
  const file = await open(range.file, 'r');
  try {
    const nextOffset = await fill(file, builder, range);
    return { rows: builder.rows, bad: builder.bad, lines: builder.lines, nextOffset };
  } finally {
    await file.close();
  }
};

/** How many whole lines a file holds from a byte on. */
export const countLinesFrom = async (filePath: string, from: number): Promise<number> => {
  const file = await open(filePath, 'r');
  try {
    const block = Buffer.allocUnsafe(MAX_LINE_BYTES);
    let count = 0;
    for (let offset = from; ; ) {
      const { bytesRead } = await file.read(block, 0, block.length, offset);
      if (bytesRead === 0) return count;
      const bytes = block.subarray(0, bytesRead);
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
        count += 1;
      }
      offset += bytesRead;
    }
  } finally {
    await file.close();
  }
};
