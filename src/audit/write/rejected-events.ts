import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#core/clock';
import { ensureAuditDirectory } from '../files/audit-directory.ts';
import { dayOf } from '../files/audit-files.ts';

/** A flood of malformed events must not fill the disk that good ones need. */
const LINES_PER_MINUTE = 60;
const MINUTE_MS = 60_000;

export interface Rejection {
  readonly reason: string;
  /** Names of the documented fields at fault; never a value, never a name that the sender chose. */
  readonly fields: readonly string[];
  /** Where the event stood, for one that was found in a file. */
  readonly file?: string;
  readonly byteOffset?: number;
}

/**
 * Writes `rejected-YYYY-MM-DD.jsonl` in the audit directory, one line per
 * malformed event, in the background: nobody waits for it, and where it cannot
 * be written the count alone remains. At most 60 lines a minute; the first line
 * after that says how many are not there.
 */
export class RejectedEvents {
  private readonly directory: string;
  private readonly clock: Clock;
  private minute = 0;
  private linesInMinute = 0;
  private unwritten = 0;
  private pending: string[] = [];
  private writing: Promise<void> | undefined;

  constructor(directory: string, clock: Clock) {
    this.directory = directory;
    this.clock = clock;
  }

  note(rejection: Rejection): void {
    const at = this.clock.now();
    const minute = Math.floor(at.getTime() / MINUTE_MS);
    if (minute !== this.minute) {
      this.minute = minute;
      this.linesInMinute = 0;
      this.sayUnwritten(at);
    }
    if (this.linesInMinute >= LINES_PER_MINUTE) {
      this.unwritten += 1;
      return;
    }
    this.linesInMinute += 1;
    const { reason, fields, file, byteOffset } = rejection;
    this.add({
      at: at.toISOString(),
      reason,
      fields,
      ...(file === undefined ? {} : { file }),
      ...(byteOffset === undefined ? {} : { byte_offset: byteOffset }),
    });
  }

  /** Resolves when everything noted so far is written, or given up. */
  async close(): Promise<void> {
    this.sayUnwritten(this.clock.now());
    await this.writing;
  }

  private sayUnwritten(at: Date): void {
    if (this.unwritten === 0) return;
    this.add({
      at: at.toISOString(),
      reason: `${this.unwritten} more rejected events were counted and not written here`,
      fields: [],
    });
    this.unwritten = 0;
  }

  private add(line: object): void {
    this.pending.push(`${JSON.stringify(line)}\n`);
    this.writing ??= this.writePending().finally(() => {
      this.writing = undefined;
    });
  }

  private async writePending(): Promise<void> {
    while (this.pending.length > 0) {
      const lines = this.pending.join('');
      this.pending = [];
      const file = path.join(this.directory, `rejected-${dayOf(this.clock.now())}.jsonl`);
      try {
        await ensureAuditDirectory(this.directory);
        await appendFile(file, lines, { mode: 0o600 });
      } catch {
        // A full disk refuses good events as well and says so there; these stay counted.
      }
    }
  }
}
