import type { AuditEvent } from '../audit-event.ts';
import { eventLine } from './event-line.ts';

/** What may wait in memory for the disk, whichever comes first. */
const MAX_EVENTS = 200_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** One append is about this long, so that copying its bytes holds the event loop for a moment only. */
const PIECE_BYTES = 512 * 1024;
/** A day's first chunk is small, for there may be many days. */
const FIRST_CHUNK_BYTES = 4 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Chunks that are kept for the next events. */
const SPARE_CHUNKS = 32;
/** Most bytes of UTF-8 to one UTF-16 code unit. */
const MAX_BYTES_PER_UNIT = 3;
const NEWLINE = 0x0a;

/** Whole lines in `bytes[start, end)`. */
interface Chunk {
  readonly bytes: Buffer;
  start: number;
  end: number;
  count: number;
}

/** Lines of one day that wait to be appended, in the order in which they came. */
interface DayQueue {
  readonly chunks: Chunk[];
  count: number;
}

export interface Piece {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Where the line after the first `count` starts. */
const startAfter = (chunk: Chunk, count: number): number => {
  let at = chunk.start;
  for (let left = count; left > 0; left -= 1) at = chunk.bytes.indexOf(NEWLINE, at) + 1;
  return at;
};

/**
 * Events that were accepted and are not in a file yet, as lines by day. A line
 * is made bytes at once: two hundred thousand strings that live until the disk
 * has caught up would keep the garbage collector busier than everything else.
 */
export class EventQueue {
  size = 0;
  /** Of all chunks, full or not. */
  private bytes = 0;
  private readonly days = new Map<string, DayQueue>();
  private readonly spare: Buffer[] = [];

  get isFull(): boolean {
    return this.size >= MAX_EVENTS || this.bytes >= MAX_BYTES;
  }

  add(event: AuditEvent): void {
    const line = eventLine(event);
    const day = event.ts.slice(0, 10);
    let queue = this.days.get(day);
    if (queue === undefined) {
      queue = { chunks: [], count: 0 };
      this.days.set(day, queue);
    }
    const chunk = this.chunkFor(queue, line.length * MAX_BYTES_PER_UNIT);
    chunk.end += chunk.bytes.write(line, chunk.end, 'utf8');
    chunk.count += 1;
    queue.count += 1;
    this.size += 1;
  }

  /** The days that have lines, each with how many. */
  waiting(): readonly { readonly day: string; readonly count: number }[] {
    return [...this.days].map(([day, { count }]) => ({ day, count }));
  }

  /** A copy of the day's next lines, about half a mebibyte of them; they stay until `drop`. */
  piece(day: string): Piece {
    const taken: Buffer[] = [];
    let count = 0;
    let size = 0;
    for (const chunk of this.days.get(day)?.chunks ?? []) {
      if (size >= PIECE_BYTES) break;
      taken.push(chunk.bytes.subarray(chunk.start, chunk.end));
      size += chunk.end - chunk.start;
      count += chunk.count;
    }
    return { bytes: Buffer.concat(taken, size), count };
  }

  /** Forgets the first `count` lines of a day: they are in its file. */
  drop(day: string, count: number): void {
    const queue = this.days.get(day);
    if (queue === undefined) return;
    let left = Math.min(count, queue.count);
    queue.count -= left;
    this.size -= left;
    while (left > 0) {
      const [chunk] = queue.chunks;
      if (chunk === undefined) break;
      const dropped = Math.min(left, chunk.count);
      chunk.start = dropped === chunk.count ? chunk.end : startAfter(chunk, dropped);
      chunk.count -= dropped;
      left -= dropped;
      if (chunk.count === 0) this.release(queue);
    }
    if (queue.count === 0) this.days.delete(day);
  }

  private chunkFor(queue: DayQueue, maxBytes: number): Chunk {
    const last = queue.chunks.at(-1);
    if (last !== undefined && last.bytes.length - last.end >= maxBytes) return last;
    const size = Math.max(maxBytes, last === undefined ? FIRST_CHUNK_BYTES : CHUNK_BYTES);
    const spare = size === CHUNK_BYTES ? this.spare.pop() : undefined;
    const bytes = spare ?? Buffer.allocUnsafeSlow(size);
    this.bytes += bytes.length;
    const chunk: Chunk = { bytes, start: 0, end: 0, count: 0 };
    queue.chunks.push(chunk);
    return chunk;
  }

  private release(queue: DayQueue): void {
    const chunk = queue.chunks.shift();
    if (chunk === undefined) return;
    this.bytes -= chunk.bytes.length;
    if (chunk.bytes.length === CHUNK_BYTES && this.spare.length < SPARE_CHUNKS)
      this.spare.push(chunk.bytes);
  }
}
