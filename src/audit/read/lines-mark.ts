import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import type { AuditFile } from '../files/audit-files.ts';

const MARK_KEY = 'opsloop_whole_lines';

/**
 * What a Parquet file carries in its footer when all lines of one file are
 * events and it holds each of them: that file's form, size and time of change.
 * While the file still is the one so described, the Parquet file tells all of
 * it. Of an archive it is the archive itself that is described, since only
 * reading it to its end would prove what is in it.
 */
export const markOfLines = async (file: AuditFile): Promise<string | undefined> => {
  const found = await stat(file.path, { bigint: true }).catch(() => undefined);
  return found?.isFile() === true
    ? JSON.stringify({ form: file.form, bytes: String(found.size), changed: String(found.mtimeNs) })
    : undefined;
};

/** Option of DuckDB's `COPY … TO` that writes the mark. */
export const writeMark = (mark: string): string => `KV_METADATA {${MARK_KEY}: ${sqlLiteral(mark)}}`;

/** Whether the Parquet file says that it holds every line of `lines` as that file is now; false in any doubt. Rejects where one of them cannot be read. */
export const isMarkedWhole = async (
  session: AnalyticsSession,
  parquet: AuditFile,
  lines: AuditFile,
): Promise<boolean> => {
  if (!parquet.isRegularFile || !lines.isRegularFile) return false;
  const mark = await markOfLines(lines);
  if (mark === undefined) return false;
  // That lines cannot be read is for a reader to tell, whatever else holds them.
  await access(lines.path, constants.R_OK);
  const [found] = await session.rows<{ marked: boolean }>(
    `SELECT count(*) = 1 AND bool_and(value = encode($1)) AS marked FROM parquet_kv_metadata(${sqlLiteral(parquet.path)}) WHERE key = encode('${MARK_KEY}')`,
    [mark],
  );
  return found?.marked === true;
};
