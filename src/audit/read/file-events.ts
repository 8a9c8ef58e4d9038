import { createHash } from 'node:crypto';
import { AppError, isMissingFile } from '#core/errors';
import { type AnalyticsSession, openAnalyticsSession } from '#storage/duckdb/analytics-session';
import type { AuditEvent } from '../audit-event.ts';
import type { AuditDataQuality, AuditReading, RejectedLine } from '../audit-store.ts';
import { parseEventTime } from '../event-time.ts';
import { type AuditFile, filesOfRange, jsonlName, listAuditFiles } from '../files/audit-files.ts';
import { checkStoredEvent } from '../write/check-audit-event.ts';
import { OrderedEvents } from './ordered-events.ts';
import { compareInstants, type Instant, isAskedFor, type ReadPlan } from './read-query.ts';
import { storedValues } from './stored-values.ts';

const REJECTED_KEPT = 100;
const HOUR_MS = 3_600_000;
/** A file is named after the local date of each event's own offset. */
const MAX_OFFSET_MS = 16 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;
const LAST_DAY_MS = Date.UTC(9999, 11, 30);
/** More than a day has lines, so that places of different days never mix. */
const LINES_PER_DAY = 1_000_000_000;

export interface FileEventsOptions {
  /** Those that are missing hold nothing. */
  readonly directories: readonly string[];
  /** For DuckDB, which reads Parquet. */
  readonly tempDir: string;
  readonly signal: AbortSignal;
}

const listFiles = async (directories: readonly string[]): Promise<readonly AuditFile[]> => {
  const lists = await Promise.all(
    directories.map((directory) =>
      listAuditFiles(directory).catch((error: unknown) => {
        if (isMissingFile(error)) return [];
        throw new AppError('unavailable', 'The audit directory cannot be listed.', {
          cause: error,
        });
      }),
    ),
  );
  return lists.flat();
};

const byDay = (files: readonly AuditFile[]): ReadonlyMap<string, readonly AuditFile[]> => {
  const days = new Map<string, AuditFile[]>();
  for (const file of files) days.set(file.day, [...(days.get(file.day) ?? []), file]);
  return new Map([...days].sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** Tells how often an event may count when a day exists in several forms: as often as in the one that has it most. */
class FormCounts {
  private readonly counted = new Map<string, number>();
  private inForm = new Map<string, number>();
  private form = '';

  /** Whether this occurrence is one that no form before had. */
  isNew(event: AuditEvent, at: Instant, form: string): boolean {
    if (form !== this.form) {
      this.form = form;
      this.inForm = new Map();
    }
    const identity = createHash('md5')
      .update(JSON.stringify([at.ms, at.micros, { ...event, ts: '' }]))
      .digest('base64');
    const occurrence = (this.inForm.get(identity) ?? 0) + 1;
    this.inForm.set(identity, occurrence);
    if (occurrence <= (this.counted.get(identity) ?? 0)) return false;
    this.counted.set(identity, occurrence);
    return true;
  }
}

class FileReading {
  readonly rejected: RejectedLine[] = [];
  readonly problems: string[] = [];
  readonly found: OrderedEvents;
  rejectedCount = 0;
  private readonly plan: ReadPlan;
  private readonly signal: AbortSignal;
  private readonly session: () => Promise<AnalyticsSession>;

  constructor(plan: ReadPlan, signal: AbortSignal, session: () => Promise<AnalyticsSession>) {
    this.plan = plan;
    this.signal = signal;
    this.session = session;
    this.found = new OrderedEvents(plan);
  }

  async readDay(files: readonly AuditFile[], dayIndex: number): Promise<void> {
    const forms = new Set(files.map((file) => `${file.form} ${file.name}`));
    const counts = forms.size > 1 ? new FormCounts() : undefined;
    let ordinal = dayIndex * LINES_PER_DAY;
    for (const file of files) {
      ordinal = await this.readFile(file, ordinal, counts).catch((error: unknown) => {
        this.signal.throwIfAborted();
        this.problems.push(`${file.name} ${fileFaultText(file, error)}`);
        return ordinal + LINES_PER_DAY / 10;
      });
    }
  }

  private async readFile(
    file: AuditFile,
    firstOrdinal: number,
    counts: FormCounts | undefined,
  ): Promise<number> {
    let ordinal = firstOrdinal;
    let lastAt: Instant = { ms: Date.parse(`${file.day}T00:00:00Z`), micros: 0 };
    for await (const values of storedValues(file, this.session)) {
      this.signal.throwIfAborted();
      for (const { line, value, fault } of values) {
        ordinal += 1;
        const checked =
          fault === undefined ? checkStoredEvent(value) : { ok: false as const, reason: fault };
        const at = checked.ok ? parseEventTime(checked.event.ts) : null;
        if (!checked.ok || at === null) {
          this.reject(file, line, checked.ok ? 'ts is not a time' : checked.reason, lastAt);
          continue;
        }
        lastAt = at;
        if (!isAskedFor(checked.event, at, this.plan)) continue;
        if (counts?.isNew(checked.event, at, `${file.form} ${file.name}`) === false) continue;
        this.found.add(checked.event, at, ordinal);
      }
    }
    return ordinal;
  }

  /** A bad line belongs to the range by the last good one before it, else by the file's day. */
  private reject(file: AuditFile, line: number, reason: string, at: Instant): void {
    const { from, to } = this.plan;
    if (from !== undefined && compareInstants(at, from) < 0) return;
    if (to !== undefined && compareInstants(at, to) > 0) return;
    this.rejectedCount += 1;
    if (this.rejected.length >= REJECTED_KEPT) return;
    const name = file.form === 'parquet' ? file.name : jsonlName(file.day);
    this.rejected.push({ file: name, line, reason });
  }
}

const fileFaultText = (file: AuditFile, error: unknown): string => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') {
    return 'is cut: its compressed data ends too early; the lines before that count.';
  }
  if (code === 'Z_DATA_ERROR') {
    return 'is damaged: its compressed data or its checksum is wrong; the lines before that count.';
  }
  if (code === 'EACCES') return 'cannot be read with the rights of this process.';
  if (code === 'EISDIR') return 'is not a file.';
  return file.form === 'parquet'
    ? 'cannot be read as Parquet; it was left out.'
    : 'could not be read to its end; the lines before that count.';
};

const daysOfPlan = (plan: ReadPlan, files: readonly AuditFile[]) =>
  byDay(
    filesOfRange(files, {
      from: new Date(Math.min(plan.from?.ms ?? 0, LAST_DAY_MS)),
      to: new Date(Math.min((plan.to?.ms ?? LAST_DAY_MS) + 1, LAST_DAY_MS)),
    }),
  );

/**
 * Reads events out of the daily files in whichever form they are, line by
 * line, and holds no more of them than twice what is asked for. A day in
 * several forms counts each event as often as the form that has it most often.
 */
export const readFileEvents = async (
  plan: ReadPlan,
  options: FileEventsOptions,
): Promise<AuditReading & { readonly quality: Omit<AuditDataQuality, 'sourceBackend'> }> => {
  let opened: Promise<AnalyticsSession> | undefined;
  const session = (): Promise<AnalyticsSession> => {
    opened ??= openAnalyticsSession({ tempDir: options.tempDir, signal: options.signal });
    return opened;
  };
  const reading = new FileReading(plan, options.signal, session);
  try {
    const days = [...daysOfPlan(plan, await listFiles(options.directories))].map(
      ([day, files], index) => ({ day, files, index }),
    );
    for (const { day, files, index } of plan.order === 'asc' ? days : days.reverse()) {
      const startMs = Date.parse(`${day}T00:00:00Z`);
      const isComplete = reading.found.isCompleteBefore(
        { ms: startMs - MAX_OFFSET_MS, micros: 0 },
        { ms: startMs + DAY_MS + MAX_OFFSET_MS, micros: 0 },
      );
      if (isComplete) break;
      await reading.readDay(files, index);
    }
  } finally {
    await opened?.then(
      (analytics) => analytics.close(),
      () => undefined,
    );
  }
  const { problems, rejected, rejectedCount } = reading;
  return {
    events: reading.found.take(),
    quality: {
      sourceBackend: 'jsonl',
      partial: problems.length > 0,
      rejected,
      rejectedCount,
      problems,
    },
  };
};
