import { constants, createReadStream } from 'node:fs';
import { access, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { messageOf } from '#core/errors';
import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import { copyLines } from '#storage/jsonl/copy-lines';
import { gunzipFile } from '#storage/jsonl/gunzip-file';
import { inspectLineFile } from '#storage/jsonl/line-file';
import type { RejectedLine } from '../audit-store.ts';
import { type AuditFile, jsonlName } from '../files/audit-files.ts';
import type { Range } from './aggregate-sql.ts';
import {
  BLANK_LINE,
  jsonLinesRelation,
  MAX_LINE_BYTES,
  parquetFault,
  parquetRelation,
  type RelationOptions,
  writtenInstant,
} from './event-relations.ts';

/** The table that `loadDay` fills: the calls of the range, narrow and compressed. */
export const CALLS_TABLE = 'work.calls';

const REJECTED_TABLE = 'work.rejected';
const STAGED_TABLE = 'work.staged';
const REJECTED_KEPT = 100;

const CALL_COLUMNS =
  'ts TIMESTAMPTZ, tool VARCHAR, agent_id VARCHAR, user_id VARCHAR, workspace_id VARCHAR, status VARCHAR, duration_ms BIGINT';
const CALL_NAMES = 'ts, tool, agent_id, user_id, workspace_id, status, duration_ms';

export interface RejectedSummary {
  readonly count: number;
  readonly first: readonly RejectedLine[];
}

/** Where lines can be read from, and the bad ones that are known already. */
interface LineSource {
  readonly file: string;
  readonly faultsFile: string | undefined;
  readonly faultCount: number;
  /** Size of the original when it was looked at; undefined for a copy, which does not grow. */
  readonly sizeBytes: number | undefined;
  readonly problem: string | undefined;
}

/**
 * Loads audit files into one table of a DuckDB session. Every line is looked
 * at as text first; what cannot count is kept with its place and reason.
 */
export class CallTable {
  private readonly session: AnalyticsSession;
  private readonly range: Range;
  private readonly signal: AbortSignal;
  private copies = 0;

  constructor(session: AnalyticsSession, range: Range, signal: AbortSignal) {
    this.session = session;
    this.range = range;
    this.signal = signal;
  }

  async create(): Promise<void> {
    await this.session.run("ATTACH ':memory:' AS work (COMPRESS)");
    await this.session.run(`CREATE TABLE ${CALLS_TABLE} (${CALL_COLUMNS}, reason VARCHAR)`);
    await this.session.run(
      `CREATE TABLE ${REJECTED_TABLE} (file VARCHAR, line BIGINT, reason VARCHAR, digest VARCHAR)`,
    );
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
      SELECT ${CALL_NAMES}, NULL FROM (
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

  async rejected(): Promise<RejectedSummary> {
    const distinct = `SELECT DISTINCT file, line, reason, digest FROM ${REJECTED_TABLE}`;
    const [total] = await this.session.rows<{ count: number }>(
      `SELECT CAST(count(*) AS DOUBLE) AS count FROM (${distinct})`,
    );
    const first = await this.session.rows<{ file: string; line: number; reason: string }>(
      `SELECT file, CAST(line AS DOUBLE) AS line, reason FROM (${distinct}) ORDER BY file, line, reason, digest LIMIT ${REJECTED_KEPT}`,
    );
    return {
      count: total?.count ?? 0,
      first: first.map(({ file, line, reason }) => ({ file, line, reason })),
    };
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
      : this.loadLines(file, table, file.form === 'gzip' ? 'copy' : 'original');
  }

  private async loadParquet(file: AuditFile, table: string): Promise<readonly string[]> {
    try {
      const described = await this.session.rows<{ column_name: string; column_type: string }>(
        `DESCRIBE SELECT * FROM read_parquet(${sqlLiteral(file.path)})`,
      );
      const columns = new Map(described.map((column) => [column.column_name, column.column_type]));
      const fault = parquetFault(columns);
      if (fault !== undefined) return [`${file.name} ${fault}; it was left out.`];
      await this.insideTransaction(async () => {
        await this.insert(file, table, (options) =>
          parquetRelation({ ...options, file: file.path }, columns),
        );
        return 'COMMIT';
      });
      return [];
    } catch (error) {
      this.signal.throwIfAborted();
      if (isOwnFault(error)) throw error;
      return [`${file.name} cannot be read as Parquet; it was left out.`];
    }
  }

  private async loadLines(
    file: AuditFile,
    table: string,
    from: 'original' | 'copy',
  ): Promise<readonly string[]> {
    const source = await this.openLines(file, from);
    let hasGrown = false;
    try {
      await this.insideTransaction(async () => {
        await this.insert(
          file,
          table,
          (options) => jsonLinesRelation({ ...options, file: source.file }),
          source,
        );
        // Somebody appended while it was read: the last line may have been half written then.
        hasGrown =
          source.sizeBytes !== undefined && (await stat(file.path)).size !== source.sizeBytes;
        return hasGrown ? 'ROLLBACK' : 'COMMIT';
      });
    } finally {
      if (source.sizeBytes === undefined) await rm(source.file, { force: true });
      if (source.faultsFile !== undefined) await rm(source.faultsFile, { force: true });
    }
    if (hasGrown) return this.loadLines(file, table, 'copy');
    return source.problem === undefined ? [] : [source.problem];
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

  /** The original where DuckDB reads it right, else a copy without what it would misread. */
  private async openLines(file: AuditFile, from: 'original' | 'copy'): Promise<LineSource> {
    if (file.form === 'gzip') return this.copy(file, gunzipFile(file.path));
    // DuckDB takes these characters in a path as a pattern.
    const isPattern = /[*?[\]]/.test(file.path);
    if (from === 'original' && !isPattern) {
      const state = await inspectLineFile(file.path, this.signal).catch(() => undefined);
      this.signal.throwIfAborted();
      if (state?.isClean === true) {
        return {
          file: file.path,
          faultsFile: undefined,
          faultCount: 0,
          sizeBytes: state.sizeBytes,
          problem: undefined,
        };
      }
    }
    // The copy ends where the file ends now; what is appended later is for the next reader.
    const { size } = await stat(file.path);
    return this.copy(
      file,
      size === 0 ? Readable.from([]) : createReadStream(file.path, { end: size - 1 }),
    );
  }

  private async copy(file: AuditFile, source: AsyncIterable<Buffer>): Promise<LineSource> {
    this.copies += 1;
    const target = path.join(this.session.tempDir, `lines-${this.copies}.jsonl`);
    const faultsTarget = path.join(this.session.tempDir, `faults-${this.copies}.jsonl`);
    const copied = await copyLines({
      source,
      target,
      faultsTarget,
      maxLineBytes: MAX_LINE_BYTES,
      signal: this.signal,
    });
    return {
      file: target,
      faultsFile: faultsTarget,
      faultCount: copied.faultCount,
      sizeBytes: undefined,
      problem:
        copied.sourceFault === undefined
          ? undefined
          : `${file.name} ${sourceFaultText(copied.sourceFault)}; the lines before that count.`,
    };
  }

  private async insert(
    file: AuditFile,
    table: string,
    relation: (options: Omit<RelationOptions, 'file'>) => string,
    source?: LineSource,
  ): Promise<void> {
    const staged = table === STAGED_TABLE;
    const extra = staged ? `, identity, ${sqlLiteral(`${file.form} ${file.name}`)} AS form` : '';
    const inRange = (instant: string): string =>
      `${instant} >= CAST(${sqlLiteral(this.range.from.toISOString())} AS TIMESTAMPTZ) AND ${instant} < CAST(${sqlLiteral(this.range.to.toISOString())} AS TIMESTAMPTZ)`;
    const fast = relation({ numbered: false, withIdentity: staged });
    // Lines outside of the range and bad ones go in as well: a filter here would cost more than they do.
    await this.session.run(
      `INSERT INTO ${table} SELECT ${CALL_NAMES}${extra}, reason FROM (${fast})`,
    );
    const [without] = await this.session.rows<{ bad: number; blank: number }>(
      `SELECT CAST(count(*) FILTER (reason <> '${BLANK_LINE}') AS DOUBLE) AS bad, CAST(count(*) FILTER (reason = '${BLANK_LINE}') AS DOUBLE) AS blank FROM ${table}`,
    );
    const bad = (without?.bad ?? 0) + (source?.faultCount ?? 0);
    if (bad + (without?.blank ?? 0) > 0) {
      await this.session.run(`DELETE FROM ${table} WHERE reason IS NOT NULL`);
    }
    if (bad === 0) return;
    await this.insertRejected(
      file,
      relation({ numbered: true, withIdentity: false }),
      inRange,
      source,
    );
  }

  /**
   * A bad line belongs to the range by the time that stands in it, else by the
   * last good line before it, else by the file's day. What is appended after
   * the range therefore does not change what a report says of it.
   */
  private async insertRejected(
    file: AuditFile,
    numbered: string,
    inRange: (instant: string) => string,
    source: LineSource | undefined,
  ): Promise<void> {
    const faults =
      source?.faultsFile === undefined || source.faultCount === 0
        ? ''
        : `UNION ALL SELECT line, NULL, reason, ${writtenInstant('head')}, digest FROM read_json(${sqlLiteral(source.faultsFile)}, format = 'newline_delimited', columns = {line: 'BIGINT', reason: 'VARCHAR', head: 'VARCHAR', digest: 'VARCHAR'})`;
    const name = file.form === 'parquet' ? file.name : jsonlName(file.day);
    await this.session.run(`INSERT INTO ${REJECTED_TABLE}
      WITH checked AS (SELECT n, ts, reason, own_ts, digest FROM (${numbered}) ${faults}),
      dated AS (
        SELECT *, last_value(CASE WHEN reason IS NULL THEN ts END IGNORE NULLS) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) AS before_ts FROM checked
      )
      SELECT ${sqlLiteral(name)}, n, reason, digest FROM dated
      WHERE reason <> '${BLANK_LINE}' AND ${inRange(`coalesce(own_ts, before_ts, CAST('${file.day}T00:00:00Z' AS TIMESTAMPTZ))`)}`);
  }
}

/**
 * Faults of the question or of the machine, not of the file. DuckDB gives its
 * errors no code; their class opens the message.
 */
const isOwnFault = (error: unknown): boolean =>
  /^(Failed to|Parser Error|Binder Error|Catalog Error|Out of Memory)/.test(messageOf(error));

const sourceFaultText = (fault: Error): string => {
  switch ('code' in fault ? fault.code : undefined) {
    case 'Z_BUF_ERROR':
      return 'is cut: its compressed data ends too early';
    case 'Z_DATA_ERROR':
      return 'is damaged: its compressed data or its checksum is wrong';
    default:
      return 'could not be read to its end';
  }
};
