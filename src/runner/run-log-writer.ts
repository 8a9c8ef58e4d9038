import type { Clock } from '#core/clock';
import type { RunId } from '#core/ids';
import type { JsonObject } from '#core/json';
import { storableText } from '#core/storable-text';
import type { JobLog, Progress } from '#job-kit/job';
import type { Database } from '#storage/database';
import {
  appendLogLines,
  MAX_LINE_CHARS,
  MAX_LINES,
  type NewLogLine,
  saveProgress,
} from './ledger/run-log.ts';

/** How often lines and progress are written while they come. */
const FLUSH_EVERY_MS = 250;

export interface RunLogSinks {
  /** The queue engine's own job log and progress, for the board. */
  readonly queueLog: (line: string) => Promise<void>;
  readonly queueProgress: (progress: JsonObject) => Promise<void>;
  /** The process's log. */
  readonly processLog: (level: 'info' | 'warn', message: string, fields: JsonObject) => void;
}

const render = (message: string, fields: JsonObject | undefined): string => {
  const text = fields === undefined ? message : `${message} ${JSON.stringify(fields)}`;
  const oneLine = storableText(text).replaceAll(/[\r\n]+/g, ' ⏎ ');
  return oneLine.length > MAX_LINE_CHARS ? `${oneLine.slice(0, MAX_LINE_CHARS)}…` : oneLine;
};

const toProgress = (progress: Progress): JsonObject =>
  typeof progress === 'number'
    ? { percent: Math.max(0, Math.min(100, progress)) }
    : { ...progress };

/**
 * Gathers a run's log and progress and writes them in batches to the ledger
 * and the queue job. A ledger that is away delays the lines; they are never a
 * reason for the run to fail.
 */
export class RunLogWriter implements JobLog {
  readonly #runId: RunId;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #sinks: RunLogSinks;
  readonly #stopTimer: () => void;
  #lines: NewLogLine[] = [];
  #progress: JsonObject | undefined;
  #written = 0;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly runId: RunId;
    readonly database: Database;
    readonly clock: Clock;
    readonly sinks: RunLogSinks;
  }) {
    this.#runId = options.runId;
    this.#database = options.database;
    this.#clock = options.clock;
    this.#sinks = options.sinks;
    this.#stopTimer = options.clock.every(FLUSH_EVERY_MS, () => {
      this.#flushSoon();
    });
  }

  info(message: string, fields?: JsonObject): void {
    this.#add('info', message, fields);
  }

  warn(message: string, fields?: JsonObject): void {
    this.#add('warn', message, fields);
  }

  progress(progress: Progress): void {
    this.#progress = toProgress(progress);
  }

  /** Writes what is left; resolves also when the ledger is away. */
  async close(): Promise<void> {
    this.#stopTimer();
    this.#flushSoon();
    await this.#flushing;
  }

  #add(level: 'info' | 'warn', message: string, fields: JsonObject | undefined): void {
    this.#sinks.processLog(level, message, fields ?? {});
    const total = this.#written + this.#lines.length;
    if (total > MAX_LINES) return;
    const line =
      total === MAX_LINES
        ? `… further lines are not kept (limit ${MAX_LINES})`
        : render(message, fields);
    this.#lines.push({ at: this.#clock.now(), level, line });
  }

  #flushSoon(): void {
    this.#flushing = this.#flushing.then(() => this.#flush());
  }

  async #flush(): Promise<void> {
    const lines = this.#lines;
    const progress = this.#progress;
    this.#lines = [];
    this.#progress = undefined;
    try {
      if (lines.length > 0) {
        await appendLogLines(this.#database, this.#runId, lines);
        this.#written += lines.length;
      }
      if (progress !== undefined) await saveProgress(this.#database, this.#runId, progress);
    } catch {
      this.#lines = [...lines, ...this.#lines].slice(0, MAX_LINES + 1 - this.#written);
      this.#progress ??= progress;
      return;
    }
    try {
      for (const { line } of lines) await this.#sinks.queueLog(line);
      if (progress !== undefined) await this.#sinks.queueProgress(progress);
    } catch {
      // The board then shows less of the log; the ledger has it all.
    }
  }
}
