import { createHash, type Hash, hash } from 'node:crypto';
import type { EventsDigest } from './digest-record.ts';

/** Lines per block: a difference can be placed within so many. */
export const BLOCK_LINES = 1000;

const NEWLINE = 0x0a;
/** Of a line that is cut over chunks as much is kept as is needed to find its time in. */
const HEAD_BYTES = 512;
const SHORT_HEX = 16;
const LANES = 4;

const shortDigest = (bytes: Buffer): string => bytes.toString('hex', 0, SHORT_HEX / 2);

export interface EventTime {
  readonly text: string;
  readonly ms: number;
}

/**
 * The `ts` of a line of JSON, looked for in its first 512 bytes. Without an
 * offset it is UTC. Undefined where there is none that can be read.
 */
export const timeOfJsonLine = (line: Buffer): EventTime | undefined => {
  const [, text] =
    /"ts"\s*:\s*"([^"\\]{19,40})"/.exec(line.toString('latin1', 0, HEAD_BYTES)) ?? [];
  if (text === undefined) return undefined;
  const ms = Date.parse(/[zZ]$|[+-]\d{2}:?\d{2}$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? undefined : { text, ms };
};

interface OpenLine {
  readonly line: Hash;
  /** What the digests were before the line began, in case it never ends. */
  readonly wholeBefore: Hash;
  readonly blockBefore: Hash;
  head: Buffer;
  bytes: number;
}

/**
 * Digests lines of bytes without holding them: one hash over all, one for each
 * block, and what tells one kind of difference from another. What follows the
 * last newline is a torn tail and takes no part.
 */
export class LineDigester {
  #whole = createHash('sha256');
  #block = createHash('sha256');
  #blockLines = 0;
  readonly #blocks: string[] = [];
  readonly #lanes = new Uint32Array(LANES);
  /** Of a line that is not at its end yet. */
  #open: OpenLine | undefined;
  #count = 0;
  #bytes = 0;
  #last: string | null = null;
  #first: EventTime | undefined;
  #latest: EventTime | undefined;
  readonly #timeOf: (line: Buffer) => EventTime | undefined;

  constructor(timeOf: (line: Buffer) => EventTime | undefined) {
    this.#timeOf = timeOf;
  }

  /** Bytes of whole lines so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes after the last newline. */
  get tornBytes(): number {
    return this.#open?.bytes ?? 0;
  }

  add(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#endLine(chunk.subarray(start, end + 1));
      start = end + 1;
    }
    if (start < chunk.length) this.#keepOpen(chunk.subarray(start));
  }

  #keepOpen(part: Buffer): void {
    this.#open ??= {
      line: createHash('sha256'),
      wholeBefore: this.#whole.copy(),
      blockBefore: this.#block.copy(),
      head: Buffer.alloc(0),
      bytes: 0,
    };
    for (const running of [this.#open.line, this.#whole, this.#block]) running.update(part);
    this.#open.bytes += part.length;
    if (this.#open.head.length < HEAD_BYTES)
      this.#open.head = Buffer.concat([this.#open.head, part]).subarray(0, HEAD_BYTES);
  }

  #endLine(rest: Buffer): void {
    const open = this.#open;
    this.#open = undefined;
    this.#whole.update(rest);
    this.#block.update(rest);
    const digest =
      open === undefined ? hash('sha256', rest, 'buffer') : open.line.update(rest).digest();
    const head = open === undefined ? rest : Buffer.concat([open.head, rest]);
    this.#bytes += rest.length + (open?.bytes ?? 0);
    this.#count += 1;
    this.#last = shortDigest(digest);
    for (let lane = 0; lane < LANES; lane += 1)
      this.#lanes[lane] = (this.#lanes[lane] ?? 0) + digest.readUInt32LE(4 * lane);
    this.#noteTime(this.#timeOf(head));
    this.#blockLines += 1;
    if (this.#blockLines === BLOCK_LINES) this.#endBlock();
  }

  #noteTime(time: EventTime | undefined): void {
    if (time === undefined) return;
    if (this.#first === undefined || time.ms < this.#first.ms) this.#first = time;
    if (this.#latest === undefined || time.ms >= this.#latest.ms) this.#latest = time;
  }

  #endBlock(): void {
    this.#blocks.push(shortDigest(this.#block.digest()));
    this.#block = createHash('sha256');
    this.#blockLines = 0;
  }

  /** Call once, at the end. */
  digest(): Omit<EventsDigest, 'covers'> {
    if (this.#open !== undefined) {
      this.#whole = this.#open.wholeBefore;
      this.#block = this.#open.blockBefore;
    }
    if (this.#blockLines > 0) this.#endBlock();
    return {
      count: this.#count,
      first_ts: this.#first?.text ?? null,
      last_ts: this.#latest?.text ?? null,
      sha256: this.#whole.digest('hex'),
      blocks: this.#blocks,
      order_free: Buffer.from(this.#lanes.buffer).toString('hex'),
      last_line: this.#last,
    };
  }
}
