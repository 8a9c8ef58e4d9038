import type { AuditEvent } from '../audit-event.ts';
import { eventLine } from './event-line.ts';

/** What may wait in memory for the disk, whichever comes first. */
const MAX_EVENTS = 200_000;
const MAX_CHARS = 64 * 1024 * 1024;

/** One append is at most this long, so that making its bytes holds the event loop for a moment only. */
const PIECE_CHARS = 512 * 1024;

/** Lines of one day that wait to be appended, in the order in which they came. */
interface DayQueue {
  lines: string[];
  chars: number;
}

export interface Piece {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Events that were accepted and are not in a file yet, as lines by day. */
export class EventQueue {
  size = 0;
  private chars = 0;
  private readonly days = new Map<string, DayQueue>();

  get isFull(): boolean {
    return this.size >= MAX_EVENTS || this.chars >= MAX_CHARS;
  }

  add(event: AuditEvent): void {
    const line = eventLine(event);
    const day = event.ts.slice(0, 10);
    let queue = this.days.get(day);
    if (queue === undefined) {
      queue = { lines: [], chars: 0 };
      this.days.set(day, queue);
    }
    queue.lines.push(line);
    queue.chars += line.length;
    this.size += 1;
    this.chars += line.length;
  }

  /** The days that have lines, each with how many. */
  waiting(): readonly { readonly day: string; readonly count: number }[] {
    return [...this.days].map(([day, { lines }]) => ({ day, count: lines.length }));
  }

  /** The next lines of a day, at most `limit` of them; they stay until `drop`. */
  piece(day: string, limit: number): Piece {
    const lines = this.days.get(day)?.lines ?? [];
    let count = 0;
    for (let chars = 0; count < Math.min(limit, lines.length) && chars < PIECE_CHARS; count += 1) {
      chars += lines[count]?.length ?? 0;
    }
    return { bytes: Buffer.from(lines.slice(0, count).join('')), count };
  }

  /** Forgets the first `count` lines of a day: they are in its file. */
  drop(day: string, count: number): void {
    const queue = this.days.get(day);
    if (queue === undefined) return;
    const dropped = queue.lines.splice(0, count);
    const chars = dropped.reduce((sum, line) => sum + line.length, 0);
    queue.chars -= chars;
    this.chars -= chars;
    this.size -= dropped.length;
    if (queue.lines.length === 0) this.days.delete(day);
  }
}
