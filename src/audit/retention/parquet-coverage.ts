import { openAnalyticsSession } from '#storage/duckdb/analytics-session';
import type { AuditFile } from '../files/audit-files.ts';
import { CallTable } from '../read/call-table.ts';

/** Every instant that a timestamp of the table can hold and a Date can name. */
const ALWAYS = {
  from: new Date('0001-01-01T00:00:00Z'),
  to: new Date('9999-12-31T23:59:59Z'),
};

/** What of a day's lines its Parquet files do not hold. */
export interface ParquetCoverage {
  /** Why that cannot be told. */
  readonly problem: string | undefined;
  readonly missingEvents: number;
  /** Lines that are not events, which Parquet never holds. */
  readonly rejectedLines: number;
}

/** Compares the events themselves and not their number, so that events that came after the compaction are never lost. */
export const compareWithParquet = async (day: {
  readonly files: readonly AuditFile[];
  readonly tempDir: string;
  readonly signal: AbortSignal;
}): Promise<ParquetCoverage> => {
  if (!day.files.some((file) => file.form === 'parquet'))
    return { problem: 'no Parquet file of the day exists', missingEvents: 0, rejectedLines: 0 };
  const session = await openAnalyticsSession({ tempDir: day.tempDir, signal: day.signal });
  try {
    const table = new CallTable(session, ALWAYS, day.signal);
    await table.create();
    const { missing, problems } = await table.countMissingFromParquet(day.files);
    const { count } = await table.rejected();
    return { problem: problems[0], missingEvents: missing, rejectedLines: count };
  } finally {
    await session.close();
  }
};

/** Why the lines of a day may not be deleted yet, or undefined when its Parquet files hold all of them. */
export const shortfallOf = ({
  problem,
  missingEvents,
  rejectedLines,
}: ParquetCoverage): string | undefined => {
  if (problem !== undefined) return problem;
  if (missingEvents > 0)
    return `${missingEvents} of its events are not in the Parquet file of the day`;
  // Parquet holds events only, so deleting would lose the evidence that lines were refused.
  return rejectedLines > 0
    ? `${rejectedLines} of its lines are not events and are kept nowhere else`
    : undefined;
};

export const countParquetRows = async (options: {
  readonly file: string;
  readonly tempDir: string;
  readonly signal: AbortSignal;
}): Promise<number> => {
  const session = await openAnalyticsSession({ ...options, memoryLimitMb: 128 });
  try {
    const [row] = await session.rows<{ rows: number }>(
      'SELECT CAST(count(*) AS DOUBLE) AS rows FROM read_parquet($1)',
      [options.file],
    );
    return row?.rows ?? 0;
  } finally {
    await session.close();
  }
};
