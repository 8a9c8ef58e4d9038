import { AppError } from '#core/errors';
import { openAnalyticsSession } from '#storage/duckdb/analytics-session';
import type { AuditDataQuality, AuditReader, AuditView } from '../audit-store.ts';
import { type AuditFile, filesOfRange, listAuditFiles } from '../files/audit-files.ts';
import {
  answerAll,
  assertQuery,
  assertRange,
  type Range,
  type RawAggregateRow,
  type SqlDialect,
} from './aggregate-sql.ts';
import { CallTable } from './call-table.ts';

export interface JsonlAuditReaderOptions {
  readonly directory: string;
  /** Where this system writes when the directory is somebody else's; read as well, absent is fine. */
  readonly ownDirectory?: string;
  /** A directory that somebody configured must exist; the default one is made by the first write. */
  readonly whenMissing: 'fail' | 'empty';
  /** For copies and spilled data; removed when a view is closed. */
  readonly tempDir: string;
  /** What the view says it was read from. */
  readonly sourceBackend?: 'jsonl' | 'jsonl_fallback';
}

const dialectOf = (callsRelation: string): SqlDialect => ({
  callsRelation,
  bucketIndex: (fromMs, bucketMs) => `(epoch_us(ts) - ${fromMs * 1000}) // ${bucketMs * 1000}`,
});

const listOwnFiles = async (directory: string | undefined): Promise<readonly AuditFile[]> => {
  if (directory === undefined) return [];
  return listAuditFiles(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
};

const listFiles = async (options: JsonlAuditReaderOptions): Promise<readonly AuditFile[]> => {
  try {
    const own = await listOwnFiles(options.ownDirectory);
    return [...(await listAuditFiles(options.directory)), ...own];
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

type LoadQuality = Omit<AuditDataQuality, 'sourceBackend'>;

const NOTHING_LOADED: LoadQuality = {
  partial: false,
  rejected: [],
  rejectedCount: 0,
  problems: [],
};

const qualityOf = (
  sourceBackend: AuditDataQuality['sourceBackend'],
  loaded: LoadQuality,
): AuditDataQuality =>
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

/** A range before the first file costs nothing: baselines look weeks back. */
const withoutFiles = (range: Range, quality: AuditDataQuality): AuditView => ({
  quality,
  async aggregate(query) {
    assertQuery(query, range);
    return [];
  },
  close: async () => undefined,
});

const load = async (table: CallTable, files: readonly AuditFile[]): Promise<LoadQuality> => {
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
    const sourceBackend = options.sourceBackend ?? 'jsonl';
    if (files.length === 0) return withoutFiles(range, qualityOf(sourceBackend, NOTHING_LOADED));
    const session = await openAnalyticsSession({
      tempDir: options.tempDir,
      signal: opening.signal,
    });
    const table = new CallTable(session, range, opening.signal);
    const close = async (): Promise<void> => {
      await session.close();
      await table.close();
    };
    try {
      const loaded = await load(table, files);
      const dialect = dialectOf(table.relation);
      const quality = qualityOf(sourceBackend, loaded);
      const aggregateAll: Required<AuditView>['aggregateAll'] = async (queries) => {
        for (const query of queries) assertQuery(query, range);
        return answerAll(queries, dialect, ({ text, values }) =>
          session.rows<RawAggregateRow>(text, values),
        );
      };
      return {
        quality,
        aggregate: async (query) => (await aggregateAll([query]))[0] ?? [],
        aggregateAll,
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
});
