import { constants } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { messageOf } from '#core/errors';
import type { AnalyticsSession } from '#storage/duckdb/analytics-session';
import { inspectLineFile } from '#storage/jsonl/line-file';
import { mayHoldLongLine } from '#storage/jsonl/long-lines';
import type { AuditFile } from '../files/audit-files.ts';
import type { Range } from './aggregate-sql.ts';
import {
  BLANK_LINE,
  jsonLinesRelation,
  MAX_LINE_BYTES,
  type ParquetColumns,
  parquetFault,
  parquetRelation,
  type RelationOptions,
} from './event-relations.ts';
import { copyToLineSource, type LineSource, openLineSource } from './line-sources.ts';
import { isMarkedWhole } from './lines-mark.ts';
import {
  columnsOfParquet,
  isSoundParquet,
  readThrough,
  soundParquetRelation,
} from './parquet-soundness.ts';
import {
  createRejectedLines,
  insertRejectedLines,
  type RejectedSummary,
  summarizeRejectedLines,
} from './rejected-line-table.ts';
import {
  countNotInParquet,
  createStaged,
  dropStaged,
  formOf,
  formsOf,
  insertMerged,
  STAGED_TABLE,
} from './staged-day.ts';
import { StrictLines } from './strict-lines.ts';

/** Calls that were looked at line by line; those of sound files stand in relations of their own. */
const CALLS_TABLE = 'work.calls';

const CALL_COLUMNS =
  'ts TIMESTAMPTZ, tool VARCHAR, agent_id VARCHAR, user_id VARCHAR, workspace_id VARCHAR, status VARCHAR, duration_ms INTEGER';
const CALL_NAMES = 'ts, tool, agent_id, user_id, workspace_id, status, duration_ms';

/** A file that is held open is read through this, also when its name is given to another. */
const pathOfOpen = (file: FileHandle): string => `/proc/self/fd/${file.fd}`;

/** Where calls are put, and what of them. */
interface Destination {
  readonly table: string;
  readonly names: string;
}

const TO_CALLS: Destination = { table: CALLS_TABLE, names: CALL_NAMES };

/**
 * Makes the calls of audit files one relation of a DuckDB session. What cannot
 * count is kept with its place and reason. Files in which every line or row is
 * an event take a short way; each line of the others is looked at as text.
 */
export class CallTable {
  private readonly session: AnalyticsSession;
  private readonly range: Range;
  private readonly signal: AbortSignal;
  private readonly strictLines: StrictLines;
  private readonly parts: string[] = [];
  private hasCheckedCalls = false;
  private readonly openFiles: FileHandle[] = [];
  private filesSeen = 0;

  constructor(session: AnalyticsSession, range: Range, signal: AbortSignal) {
    this.session = session;
    this.range = range;
    this.signal = signal;
    this.strictLines = new StrictLines(session, isOwnFault);
  }

  async create(): Promise<void> {
    // Rows may be stored in any order, which spares a fifth of the work and much memory; see `insertRejectedLines`.
    await this.session.run('SET preserve_insertion_order = false');
    await this.session.run("ATTACH ':memory:' AS work (COMPRESS)");
    await this.session.run(`CREATE TABLE ${CALLS_TABLE} (${CALL_COLUMNS}, reason VARCHAR)`);
    await createRejectedLines(this.session);
  }

  /** What was loaded. An empty part would turn the enumerations of the others into text. */
  get relation(): string {
    const isNeeded = this.hasCheckedCalls || this.parts.length === 0;
    const checked = isNeeded ? [`SELECT ${CALL_NAMES} FROM ${CALLS_TABLE}`] : [];
    return `(${[...checked, ...this.parts].join(' UNION ALL ')})`;
  }

  /** Lets go of the files; the session's own end is not enough. */
  async close(): Promise<void> {
    for (const file of this.openFiles.splice(0)) await file.close();
  }

  /**
   * Loads all forms of one day. Answers a sentence for each thing that is known
   * to be missing. When a day exists in several forms (a crash between
   * compressing and deleting, late events after compaction) an event counts as
   * often as in the form that has it most often.
   */
  async loadDay(files: readonly AuditFile[]): Promise<readonly string[]> {
    const [only] = files;
    if (only !== undefined && files.length === 1) return this.loadFile(only, TO_CALLS);
    if (await this.addWholeParquet(files)) return [];
    const problems = await this.stage(files, CALL_COLUMNS);
    await insertMerged(this.session, formsOf(files), { table: CALLS_TABLE, columns: CALL_NAMES });
    await dropStaged(this.session);
    this.hasCheckedCalls = true;
    return problems;
  }

  /**
   * How many events of the day's lines are missing from its Parquet files,
   * counted as often as they occur.
   */
  async countMissingFromParquet(
    files: readonly AuditFile[],
  ): Promise<{ readonly missing: number; readonly problems: readonly string[] }> {
    const problems = await this.stage(files);
    const missing = await countNotInParquet(this.session, formsOf(files));
    await dropStaged(this.session);
    return { missing, problems };
  }

  rejected(): Promise<RejectedSummary> {
    return summarizeRejectedLines(this.session);
  }

  /** Loads files with the digests by which events of different forms are compared, and with `columns` of the calls. */
  private async stage(files: readonly AuditFile[], columns?: string): Promise<readonly string[]> {
    await createStaged(this.session, columns);
    const forms = formsOf(files);
    const problems: string[] = [];
    for (const file of files) {
      const form = `${forms.indexOf(formOf(file))} AS form`;
      const names = `identity, ${form}${columns === undefined ? '' : `, ${CALL_NAMES}`}`;
      problems.push(...(await this.loadFile(file, { table: STAGED_TABLE, names })));
    }
    return problems;
  }

  private async loadFile(file: AuditFile, to: Destination): Promise<readonly string[]> {
    this.signal.throwIfAborted();
    const kind = await stat(file.path).catch(() => undefined);
    if (kind?.isFile() !== true) return [`${file.name} is not a file.`];
    const isReadable = await access(file.path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (!isReadable) return [`${file.name} cannot be read with the rights of this process.`];
    return file.form === 'parquet'
      ? this.loadParquet(file, to)
      : this.loadLines(file, to, 'original');
  }

  /** Counts the Parquet file of a day alone where it is known to hold every line of the other file. */
  private async addWholeParquet(files: readonly AuditFile[]): Promise<boolean> {
    const parquet = files.find(({ form }) => form === 'parquet');
    const [lines, ...others] = files.filter((file) => file !== parquet);
    if (parquet === undefined || lines === undefined || others.length > 0) return false;
    if (lines.form === 'parquet') return false;
    try {
      if (!(await isMarkedWhole(this.session, parquet, lines))) return false;
      const columns = await columnsOfParquet(this.session, parquet.path);
      if (parquetFault(columns) !== undefined) return false;
      await readThrough(this.session, parquet.path);
      return await this.addParquetAsItIs(parquet, columns);
    } catch (error) {
      this.signal.throwIfAborted();
      if (isOwnFault(error)) throw error;
      // What is wrong with the file is told by the way that looks at each form.
      return false;
    }
  }

  private async loadParquet(file: AuditFile, to: Destination): Promise<readonly string[]> {
    try {
      const columns = await columnsOfParquet(this.session, file.path);
      const fault = parquetFault(columns);
      if (fault !== undefined) return [`${file.name} ${fault}; it was left out.`];
      if (to === TO_CALLS && (await this.addParquetAsItIs(file, columns))) return [];
      await this.insideTransaction(() =>
        this.insert(file, to, (options) =>
          parquetRelation({ ...options, file: file.path }, columns),
        ),
      );
      return [];
    } catch (error) {
      this.signal.throwIfAborted();
      if (isOwnFault(error)) throw error;
      return [`${file.name} cannot be read as Parquet; it was left out.`];
    }
  }

  /** Counts a sound file where it stands, which costs less than loading it; where the system can hold it open. */
  private async addParquetAsItIs(file: AuditFile, columns: ParquetColumns): Promise<boolean> {
    if (columns.get('ts')?.startsWith('TIMESTAMP') !== true) return false;
    const opened = await open(file.path, 'r');
    this.openFiles.push(opened);
    const pinned = pathOfOpen(opened);
    const isPinned = await access(pinned).then(
      () => true,
      () => false,
    );
    if (!isPinned || !(await isSoundParquet(this.session, pinned))) return false;
    this.parts.push(await soundParquetRelation(this.session, pinned, columns));
    return true;
  }

  private async loadLines(
    file: AuditFile,
    to: Destination,
    from: 'original' | 'copy',
  ): Promise<readonly string[]> {
    this.filesSeen += 1;
    const options = {
      tempDir: this.session.tempDir,
      number: this.filesSeen,
      signal: this.signal,
    };
    const source =
      from === 'copy' ? await copyToLineSource(file, options) : await openLineSource(file, options);
    let next: 'done' | 'copy';
    try {
      next =
        (to === TO_CALLS ? await this.loadAllGood(file, source) : undefined) ??
        (await this.loadEachLine(file, to, source));
    } finally {
      await source.close();
    }
    if (next === 'copy') return this.loadLines(file, to, 'copy');
    return source.problem === undefined ? [] : [source.problem];
  }

  private tableOf(): string {
    return `work.lines_${this.filesSeen}`;
  }

  /** Undefined where a line of the file is no event. */
  private async loadAllGood(
    file: AuditFile,
    source: LineSource,
  ): Promise<'done' | 'copy' | undefined> {
    const table = this.tableOf();
    // Both are waited for whatever becomes of the other: the session must not be closed under a statement.
    const [loaded, probed] = await Promise.allSettled([
      this.strictLines.load(source.file, table),
      // A copy was held to the length when it was made.
      source.kind === 'copy' ? false : mayHoldLongLine(source.file, MAX_LINE_BYTES, this.signal),
    ]);
    this.signal.throwIfAborted();
    if (loaded.status === 'rejected') throw loaded.reason;
    if (loaded.value === undefined) return undefined;
    const isShort = probed.status === 'fulfilled' && !probed.value;
    const isGrown = isShort && (await hasGrown(file, source));
    if (!isShort || isGrown) {
      await this.session.run(`DROP TABLE ${table}`);
      return isGrown ? 'copy' : undefined;
    }
    this.parts.push(loaded.value);
    if (source.faultCount > 0) await this.insertRejected(file, source);
    return 'done';
  }

  private async loadEachLine(
    file: AuditFile,
    to: Destination,
    source: LineSource,
  ): Promise<'done' | 'copy'> {
    if (source.kind === 'original') {
      const state = await inspectLineFile(source.file, this.signal).catch(() => undefined);
      this.signal.throwIfAborted();
      if (state?.isClean !== true) return 'copy';
    }
    let isGrown = false;
    await this.insideTransaction(async () => {
      await this.insert(
        file,
        to,
        (options) => jsonLinesRelation({ ...options, file: source.file }),
        source,
      );
      isGrown = await hasGrown(file, source);
      return isGrown ? 'ROLLBACK' : 'COMMIT';
    });
    return isGrown ? 'copy' : 'done';
  }

  private async insideTransaction(work: () => Promise<'COMMIT' | 'ROLLBACK'>): Promise<void> {
    await this.session.run('BEGIN');
    let end: 'COMMIT' | 'ROLLBACK';
    try {
      end = await work();
    } catch (error) {
      // The session may be aborted or the transaction be over already; the first error is the one that tells.
      await this.session.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
    await this.session.run(end);
  }

  private async insert(
    file: AuditFile,
    { table, names }: Destination,
    relation: (options: Omit<RelationOptions, 'file'>) => string,
    source?: LineSource,
  ): Promise<'COMMIT'> {
    const isStaged = table === STAGED_TABLE;
    const fast = relation({ numbered: false, withIdentity: isStaged });
    // Lines outside of the range and bad ones go in as well: a filter here would cost more than they do.
    await this.session.run(`INSERT INTO ${table} BY NAME SELECT ${names}, reason FROM (${fast})`);
    if (!isStaged) this.hasCheckedCalls = true;
    const [without] = await this.session.rows<{ bad: number; blank: number }>(
      `SELECT CAST(count(*) FILTER (reason <> '${BLANK_LINE}') AS DOUBLE) AS bad, CAST(count(*) FILTER (reason = '${BLANK_LINE}') AS DOUBLE) AS blank FROM ${table}`,
    );
    const bad = (without?.bad ?? 0) + (source?.faultCount ?? 0);
    if (bad + (without?.blank ?? 0) > 0) {
      await this.session.run(`DELETE FROM ${table} WHERE reason IS NOT NULL`);
    }
    if (bad > 0) {
      const numbered = relation({ numbered: true, withIdentity: false });
      await insertRejectedLines(this.session, this.range, file, numbered, source);
    }
    return 'COMMIT';
  }

  private insertRejected(file: AuditFile, source: LineSource): Promise<void> {
    const numbered = jsonLinesRelation({ file: source.file, numbered: true, withIdentity: false });
    return insertRejectedLines(this.session, this.range, file, numbered, source);
  }
}

/** Somebody appended while it was read: the last line may have been half written then. */
const hasGrown = async (file: AuditFile, source: LineSource): Promise<boolean> =>
  source.kind === 'original' && (await stat(file.path)).size !== source.sizeBytes;

/**
 * Faults of the question or of the machine, not of the file. DuckDB gives its
 * errors no code; their class opens the message.
 */
const isOwnFault = (error: unknown): boolean =>
  /^(Failed to|Parser Error|Binder Error|Catalog Error|Out of Memory)/.test(messageOf(error));
