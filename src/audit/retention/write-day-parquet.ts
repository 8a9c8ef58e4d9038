import path from 'node:path';
import { openAnalyticsSession } from '#storage/duckdb/analytics-session';
import { copyLines } from '#storage/jsonl/copy-lines';
import { type DayFiles, hashFile, readDay, sizeOf } from '../chain/day-content.ts';
import type { AuditFile } from '../files/audit-files.ts';
import { markOfLines } from '../read/lines-mark.ts';
import {
  copyToParquet,
  createEvents,
  DELETE_REPEATED,
  insertLines,
  insertParquet,
  MAX_LINE_BYTES,
  sizeTypes,
} from './compact-sql.ts';
import { compareWithParquet } from './parquet-coverage.ts';

export interface DayParquet {
  /** In the scratch folder, until `use` has ended. */
  readonly file: string;
  readonly events: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Of the lines it was made of, uncompressed. */
  readonly linesBytes: number;
}

export interface DayParquetRequest {
  readonly files: DayFiles;
  /** An earlier Parquet file of the day, whose events stay first. */
  readonly earlier: AuditFile | undefined;
  readonly tempDir: string;
  readonly signal: AbortSignal;
}

/**
 * Writes the events of a day as Parquet (zstd) into the scratch folder, in the
 * order of the lines, proves by reading it back that each event is in it, and
 * hands it to `use`. Throws when one is not.
 */
export const withDayParquet = async <T>(
  request: DayParquetRequest,
  use: (parquet: DayParquet) => Promise<T>,
): Promise<T> => {
  const { files, earlier, tempDir, signal } = request;
  const session = await openAnalyticsSession({ tempDir, signal });
  try {
    const mark = await markOf(files);
    const lines = path.join(session.tempDir, 'lines.jsonl');
    const file = path.join(session.tempDir, 'day.parquet');
    const copied = await copyLines({
      source: readDay(files, signal),
      target: lines,
      faultsTarget: path.join(session.tempDir, 'faults.jsonl'),
      maxLineBytes: MAX_LINE_BYTES,
      signal,
    });
    if (copied.sourceFault !== undefined) throw copied.sourceFault;
    await session.run("ATTACH ':memory:' AS work (COMPRESS)");
    await session.run(createEvents());
    if (earlier !== undefined) {
      const columns = await session.rows<{ column_name: string }>(
        'SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet($1))',
        [earlier.path],
      );
      const names = new Set(columns.map(({ column_name }) => column_name));
      await session.run(insertParquet(earlier.path, names));
    }
    const linesBytes = (await sizeOf(lines)) ?? 0;
    if (linesBytes > 0) await session.run(insertLines(lines));
    if (earlier !== undefined) await session.run(DELETE_REPEATED);
    const [found] = await session.rows<{ in_size: boolean; out_size: boolean; events: number }>(
      sizeTypes(),
    );
    const whole = new Set(
      (['in_size', 'out_size'] as const).filter((column) => found?.[column] !== false),
    );
    const events = found?.events ?? 0;
    const write = async (written: string | undefined): Promise<number> => {
      await session.run(copyToParquet(file, whole, written));
      return countOtherLines(request, file);
    };
    const otherLines = await write(mark);
    // What the mark says is known only when the file has been read back.
    const isWhole = otherLines === 0 && copied.faultCount === 0;
    if (mark !== undefined && !(isWhole && (await markOf(files)) === mark)) await write(undefined);
    return await use({
      file,
      events,
      bytes: (await sizeOf(file)) ?? 0,
      sha256: (await hashFile(file, signal)) ?? '',
      linesBytes,
    });
  } finally {
    await session.close();
  }
};

/** Of lines that stand in one file; a day in two forms is compared event by event whenever it is read. */
const markOf = async ({ gzip, jsonl }: DayFiles): Promise<string | undefined> => {
  const [only, ...others] = [gzip, jsonl].filter((each) => each !== undefined);
  return only === undefined || others.length > 0 ? undefined : markOfLines(only);
};

/** How many lines of the day are no events; throws when an event is not in the Parquet file. */
const countOtherLines = async (
  { files, earlier, tempDir, signal }: DayParquetRequest,
  file: string,
): Promise<number> => {
  const written = (day: string): AuditFile => ({
    day,
    form: 'parquet',
    path: file,
    name: 'the new Parquet file',
    isRegularFile: true,
    isSymbolicLink: false,
  });
  const originals = [files.gzip, files.jsonl].filter((each) => each !== undefined);
  const [first = earlier] = originals;
  if (first === undefined) return 0;
  const { problem, missingEvents, rejectedLines } = await compareWithParquet({
    files: [...originals, written(first.day)],
    tempDir,
    signal,
  });
  if (problem !== undefined) throw new Error(problem);
  if (missingEvents > 0) throw new Error(`${missingEvents} events did not get into Parquet`);
  return rejectedLines;
};
