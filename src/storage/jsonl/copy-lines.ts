import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const HEAD_BYTES = 512;
const FLUSH_BYTES = 1024 * 1024;

/** A line that is not text that a reader could take: one line of JSON in the file of faults. */
export interface LineFault {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
  /** The first 512 bytes read as Latin-1, to look for a time in; never to be shown. */
  readonly head: string;
  /** MD5 of the line's bytes (of its kept beginning when it is too long), in hex: tells lines apart, proves nothing. */
  readonly digest: string;
}

export interface CopiedLines {
  readonly faultCount: number;
  /** Why the source ended early; the complete lines before that were copied. */
  readonly sourceFault: Error | undefined;
}

export interface CopyLinesOptions {
  readonly source: AsyncIterable<Buffer>;
  readonly target: string;
  /** Receives one `LineFault` per line, however many there are. */
  readonly faultsTarget: string;
  /** Longer lines are faults. At most this much of a line is ever held. */
  readonly maxLineBytes: number;
  readonly signal: AbortSignal;
}

const faultOf = (line: Buffer): string | undefined => {
  if (!isUtf8(line)) return 'is not valid UTF-8';
  // JSON writes control characters as escapes, so a raw one cannot be part of an event.
  if (line.includes(0x00) || line.includes(0x01)) return 'holds a raw control character';
  return undefined;
};

/** JSON allows a carriage return between tokens only, where a space means the same. */
const withoutCarriageReturns = (line: Buffer): Buffer => {
  if (!line.includes(CARRIAGE_RETURN)) return line;
  const copy = Buffer.from(line);
  for (let at = copy.indexOf(CARRIAGE_RETURN); at >= 0; at = copy.indexOf(CARRIAGE_RETURN, at)) {
    copy[at] = SPACE;
  }
  return copy;
};

/** Collects small writes into large ones. */
class BufferedFile {
  private readonly file: FileHandle;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  constructor(file: FileHandle) {
    this.file = file;
  }

  async add(bytes: Buffer): Promise<void> {
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes >= FLUSH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
    if (bytes.length > 0) await this.file.writeFile(bytes);
  }
}

class LineSink {
  faultCount = 0;
  private lineCount = 0;
  private readonly lines: BufferedFile;
  private readonly faults: BufferedFile;

  constructor(lines: BufferedFile, faults: BufferedFile) {
    this.lines = lines;
    this.faults = faults;
  }

  /** A faulty line leaves an empty one behind, so that the others keep their numbers. */
  async add(line: Buffer, reason = faultOf(line)): Promise<void> {
    this.lineCount += 1;
    if (reason === undefined) {
      await this.lines.add(withoutCarriageReturns(line));
    } else {
      this.faultCount += 1;
      const fault: LineFault = {
        line: this.lineCount,
        reason,
        head: line.subarray(0, HEAD_BYTES).toString('latin1'),
        digest: createHash('md5').update(line).digest('hex'),
      };
      await this.faults.add(Buffer.from(`${JSON.stringify(fault)}\n`));
    }
    await this.lines.add(Buffer.of(NEWLINE));
  }

  async flush(): Promise<void> {
    await this.lines.flush();
    await this.faults.flush();
  }
}

/** Cuts the source into lines; what follows the last newline is the torn tail. */
const splitInto = async (options: CopyLinesOptions, sink: LineSink): Promise<Error | undefined> => {
  let carried: Buffer = Buffer.alloc(0);
  let isOverlong = false;
  const take = async (line: Buffer): Promise<void> => {
    const tooLong = isOverlong || line.length > options.maxLineBytes;
    isOverlong = false;
    await sink.add(line, tooLong ? `is longer than ${options.maxLineBytes} bytes` : undefined);
  };
  const chunks = options.source[Symbol.asyncIterator]();
  let sourceFault: Error | undefined;
  for (;;) {
    options.signal.throwIfAborted();
    const next = await chunks.next().catch((error: unknown) => {
      sourceFault = error instanceof Error ? error : new Error(String(error));
      return { done: true as const, value: undefined };
    });
    if (next.done === true) break;
    const chunk = next.value;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      await take(carried.length === 0 ? piece : Buffer.concat([carried, piece]));
      carried = Buffer.alloc(0);
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    if (carried.length + rest.length > options.maxLineBytes) isOverlong = true;
    carried = Buffer.concat([carried, rest]).subarray(0, options.maxLineBytes);
  }
  options.signal.throwIfAborted();
  if (carried.length > 0) await sink.add(carried, 'has no newline at its end (torn)');
  return sourceFault;
};

/**
 * Copies the complete lines of a source that a reader of text can take, one
 * for one, and writes what it leaves out to a file of its own. Faults of
 * writing reject; faults of the source end the copy and are answered.
 */
export const copyLines = async (options: CopyLinesOptions): Promise<CopiedLines> => {
  const lines = await open(options.target, 'wx', 0o600);
  try {
    const faults = await open(options.faultsTarget, 'wx', 0o600);
    try {
      const sink = new LineSink(new BufferedFile(lines), new BufferedFile(faults));
      const sourceFault = await splitInto(options, sink);
      await sink.flush();
      return { faultCount: sink.faultCount, sourceFault };
    } finally {
      await faults.close();
    }
  } finally {
    await lines.close();
  }
};
