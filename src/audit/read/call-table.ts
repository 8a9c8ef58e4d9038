import { constants } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { messageOf } from '#core/errors';
import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
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
import { isSoundParquet } from './parquet-soundness.ts';
import {
  createRejectedLines,
  insertRejectedLines,
  type RejectedSummary,
  summarizeRejectedLines,
} from './rejected-line-table.ts';
import { loadStrictLines } from './strict-lines.ts';

/** Calls that were looked at line by line; those of sound files stand in relations of their own. */
const CALLS_TABLE = 'work.calls';
const STAGED_TABLE = 'work.staged';

const KEYS = ['tool', 'agent_id', 'user_id', 'workspace_id'] as const;
const CALL_COLUMNS =
  'ts TIMESTAMPTZ, tool VARCHAR, agent_id VARCHAR, user_id VARCHAR, workspace_id VARCHAR, status VARCHAR, duration_ms INTEGER';
const CALL_NAMES = 'ts, tool, agent_id, user_id, workspace_id, status, duration_ms';

/** Keys stand between quotes, as they do in a line of JSON; see `loadStrictLines`. */
const QUOTED_NAMES = `ts, ${KEYS.map((key) => `'"' || ${key} || '"' AS ${key}`).join(', ')}, status, duration_ms`;

export const quoteKey = (text: string): string => `"${text}"`;
export const unquoteKey = (stored: string): string => stored.slice(1, -1);

/** A file that is held open is read through this, also when its name is given to another. */
const pathOfOpen = (file: FileHandle): string => `/proc/self/fd/${file.fd}`;

/**
 * Makes the calls of audit files one relation of a DuckDB session. What cannot
 * count is kept with its place and reason. Files in which every line or row is
 * an event take a short way; each line of the others is looked at as text.
 */
export class CallTable {
  private readonly session: AnalyticsSession;
  private readonly range: Range;
  private readonly signal: AbortSignal;
  private readonly parts: string[] = [`SELECT ${CALL_NAMES} FROM ${CALLS_TABLE}`];
  private readonly openFiles: FileHandle[] = [];
  private filesSeen = 0;

  constructor(session: AnalyticsSession, range: Range, signal: AbortSignal) {
    this.session = session;
    this.range = range;
    this.signal = signal;
  }

  async create(): Promise<void> {
    await this.session.run("ATTACH ':memory:' AS work (COMPRESS)");
    await this.session.run(`CREATE TABLE ${CALLS_TABLE} (${CALL_COLUMNS}, reason VARCHAR)`);
    await createRejectedLines(this.session);
  }

  /** What was loaded; keys are quoted (`quoteKey`). */
  get relation(): string {
    return `(${this.parts.join(' UNION ALL ')})`;
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
    if (only !== undefined && files.length === 1) return this.loadFile(only, CALLS_TABLE);
    const problems = await this.stage(files);
    await this.session.run(`INSERT INTO ${CALLS_TABLE}
      SELECT ${QUOTED_NAMES}, NULL FROM (
        SELECT *, row_number() OVER (PARTITION BY form, identity) AS ordinal FROM ${STAGED_TABLE}
      ) QUALIFY row_number() OVER (PARTITION BY identity, ordinal ORDER BY form) = 1`);
    await this.session.run(`DROP TABLE ${STAGED_TABLE}`);
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
    const [row] = await this.session.rows<{ missing: number }>(`WITH numbered AS (
        SELECT identity, starts_with(form, 'parquet') AS compacted, row_number() OVER (PARTITION BY form, identity) AS ordinal FROM ${STAGED_TABLE}
      ), lines AS (SELECT DISTINCT identity, ordinal FROM numbered WHERE NOT compacted),
      parquet AS (SELECT DISTINCT identity, ordinal FROM numbered WHERE compacted)
      SELECT CAST(count(*) AS DOUBLE) AS missing FROM lines ANTI JOIN parquet USING (identity, ordinal)`);
    await this.session.run(`DROP TABLE ${STAGED_TABLE}`);
    return { missing: row?.missing ?? 0, problems };
  }

  rejected(): Promise<RejectedSummary> {
    return summarizeRejectedLines(this.session);
  }

  /** Loads files with the digests by which events of different forms are compared. */
  private async stage(files: readonly AuditFile[]): Promise<readonly string[]> {
    await this.session.run(
      `CREATE OR REPLACE TABLE ${STAGED_TABLE} (${CALL_COLUMNS}, identity UHUGEINT, form VARCHAR, reason VARCHAR)`,
    );
    const problems: string[] = [];
    for (const file of files) problems.push(...(await this.loadFile(file, STAGED_TABLE)));
    return problems;
  }

  private async loadFile(file: AuditFile, table: string): Promise<readonly string[]> {
    this.signal.throwIfAborted();
    const kind = await stat(file.path).catch(() => undefined);
    if (kind?.isFile() !== true) return [`${file.name} is not a file.`];
    const isReadable = await access(file.path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (!isReadable) return [`${file.name} cannot be read with the rights of this process.`];
    return file.form === 'parquet'
      ? this.loadParquet(file, table)
      : this.loadLines(file, table, 'original');
  }

  private async loadParquet(file: AuditFile, table: string): Promise<readonly string[]> {
    try {
      const described = await this.session.rows<{ column_name: string; column_type: string }>(
        `DESCRIBE SELECT * FROM read_parquet(${sqlLiteral(file.path)})`,
      );
      const columns = new Map(described.map((column) => [column.column_name, column.column_type]));
      const fault = parquetFault(columns);
      if (fault !== undefined) return [`${file.name} ${fault}; it was left out.`];
      if (table === CALLS_TABLE && (await this.addParquetAsItIs(file, columns))) return [];
      await this.insideTransaction(() =>
        this.insert(file, table, (options) =>
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
    const rows = parquetRelation({ file: pinned, numbered: false, withIdentity: false }, columns);
    this.parts.push(`SELECT ${QUOTED_NAMES} FROM (${rows})`);
    return true;
  }

  private async loadLines(
    file: AuditFile,
    table: string,
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
        table === CALLS_TABLE && (await this.loadAllGood(source))
          ? await this.finishAllGood(file, source)
          : await this.loadEachLine(file, table, source);
    } finally {
      await source.close();
    }
    if (next === 'copy') return this.loadLines(file, table, 'copy');
    return source.problem === undefined ? [] : [source.problem];
  }

  private tableOf(): string {
    return `work.lines_${this.filesSeen}`;
  }

  private async loadAllGood(source: LineSource): Promise<boolean> {
    // Both are waited for whatever becomes of the other: the session must not be closed under a statement.
    const [loaded, probed] = await Promise.allSettled([
      loadStrictLines(this.session, source.file, this.tableOf(), isOwnFault),
      // A copy was held to the length when it was made.
      source.kind === 'copy' ? false : mayHoldLongLine(source.file, MAX_LINE_BYTES, this.signal),
    ]);
    this.signal.throwIfAborted();
    if (loaded.status === 'rejected') throw loaded.reason;
    const isShort = probed.status === 'fulfilled' && !probed.value;
    if (loaded.value && !isShort) await this.session.run(`DROP TABLE ${this.tableOf()}`);
    return loaded.value && isShort;
  }

  private async finishAllGood(file: AuditFile, source: LineSource): Promise<'done' | 'copy'> {
    if (await hasGrown(file, source)) {
      await this.session.run(`DROP TABLE ${this.tableOf()}`);
      return 'copy';
    }
    this.parts.push(`SELECT ${CALL_NAMES} FROM ${this.tableOf()}`);
    if (source.faultCount > 0) await this.insertRejected(file, source);
    return 'done';
  }

  private async loadEachLine(
    file: AuditFile,
    table: string,
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
        table,
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
    table: string,
    relation: (options: Omit<RelationOptions, 'file'>) => string,
    source?: LineSource,
  ): Promise<'COMMIT'> {
    const staged = table === STAGED_TABLE;
    const names = staged
      ? `${CALL_NAMES}, identity, ${sqlLiteral(`${file.form} ${file.name}`)} AS form`
      : QUOTED_NAMES;
    const fast = relation({ numbered: false, withIdentity: staged });
    // Lines outside of the range and bad ones go in as well: a filter here would cost more than they do.
    await this.session.run(`INSERT INTO ${table} SELECT ${names}, reason FROM (${fast})`);
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
