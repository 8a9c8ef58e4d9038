import { AppError } from '#core/errors';
import { openAnalyticsSession } from '#storage/duckdb/analytics-session';
import type { AuditDataQuality, AuditReader } from '../audit-store.ts';
import { type AuditFile, filesOfRange, listAuditFiles } from '../files/audit-files.ts';
import {
  aggregateStatement,
  assertQuery,
  assertRange,
  type Range,
  type RawAggregateRow,
  type SqlDialect,
  toAggregateRows,
} from './aggregate-sql.ts';
import { CALLS_TABLE, CallTable } from './call-table.ts';

export interface JsonlAuditReaderOptions {
  readonly directory: string;
  /** A directory that somebody configured must exist; the default one is made by the first write. */
  readonly whenMissing: 'fail' | 'empty';
  /** For copies and spilled data; removed when a view is closed. */
  readonly tempDir: string;
  /** What the view says it was read from. */
  readonly sourceBackend?: 'jsonl' | 'jsonl_fallback';
}

const DUCKDB_DIALECT: SqlDialect = {
  callsRelation: CALLS_TABLE,
  bucketIndex: (fromMs, bucketMs) =>
    `CAST((epoch_us(ts) - ${fromMs * 1000}) // ${bucketMs * 1000} AS double precision)`,
};

const listFiles = async (options: JsonlAuditReaderOptions): Promise<readonly AuditFile[]> => {
  try {
    return await listAuditFiles(options.directory);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' && options.whenMissing === 'empty') return [];
    const wrong =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'ENOTDIR'
          ? 'is not a directory'
          : 'cannot be listed';
    throw new AppError(
      'unavailable',
      `The audit directory ${wrong}. AUDIT_JSONL_DIR must name a readable directory with files tool_audit_YYYY-MM-DD.jsonl.`,
      { cause: error },
    );
  }
};

const byDay = (files: readonly AuditFile[]): readonly (readonly AuditFile[])[] => {
  const days = new Map<string, AuditFile[]>();
  for (const file of files) days.set(file.day, [...(days.get(file.day) ?? []), file]);
  return [...days.values()];
};

const load = async (
  table: CallTable,
  files: readonly AuditFile[],
): Promise<Omit<AuditDataQuality, 'sourceBackend'>> => {
  const problems: string[] = [];
  await table.create();
  for (const day of byDay(files)) problems.push(...(await table.loadDay(day)));
  const rejected = await table.rejected();
  return {
    partial: problems.length > 0,
    rejected: rejected.first,
    rejectedCount: rejected.count,
    problems,
  };
};

/**
 * Reads the daily files of a directory, in whichever form they are, and never
 * writes to it. A range is loaded once into a narrow table and then asked.
 */
export const createJsonlAuditReader = (options: JsonlAuditReaderOptions): AuditReader => ({
  async open(opening) {
    assertRange(opening);
    const range: Range = { from: opening.from, to: opening.to };
    const files = filesOfRange(await listFiles(options), range);
    const session = await openAnalyticsSession({
      tempDir: options.tempDir,
      signal: opening.signal,
    });
    try {
      const loaded = await load(new CallTable(session, range, opening.signal), files);
      const sourceBackend = options.sourceBackend ?? 'jsonl';
      const quality: AuditDataQuality =
        sourceBackend === 'jsonl_fallback'
          ? {
              ...loaded,
              sourceBackend,
              partial: true,
              problems: [
                'The database is away; only events that are in local files are counted.',
                ...loaded.problems,
              ],
            }
          : { ...loaded, sourceBackend };
      return {
        quality,
        async aggregate(query) {
          assertQuery(query, range);
          const statement = aggregateStatement(query, DUCKDB_DIALECT);
          const rows = await session.rows<RawAggregateRow>(statement.text, statement.values);
          return toAggregateRows(query, rows);
        },
        close: () => session.close(),
      };
    } catch (error) {
      await session.close();
      throw error;
    }
  },
});
