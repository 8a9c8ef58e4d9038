import { openAnalyticsSession } from '#storage/duckdb/analytics-session';
import type { AuditFile } from '../files/audit-files.ts';
import { CallTable } from '../read/call-table.ts';

/** Every instant that a timestamp of the table can hold and a Date can name. */
const ALWAYS = {
  from: new Date('0001-01-01T00:00:00Z'),
  to: new Date('9999-12-31T23:59:59Z'),
};

/**
 * Why the lines of a day may not be deleted yet, or undefined when its Parquet
 * files hold every event of them. Compares the events themselves and not their
 * number, so that events that came after the compaction are never lost.
 */
export const parquetShortfall = async (day: {
  readonly files: readonly AuditFile[];
  readonly tempDir: string;
  readonly signal: AbortSignal;
}): Promise<string | undefined> => {
  if (!day.files.some((file) => file.form === 'parquet'))
    return 'no Parquet file of the day exists';
  const session = await openAnalyticsSession({ tempDir: day.tempDir, signal: day.signal });
  try {
    const table = new CallTable(session, ALWAYS, day.signal);
    await table.create();
    const { missing, problems } = await table.countMissingFromParquet(day.files);
    const [problem] = problems;
    if (problem !== undefined) return problem;
    if (missing > 0) return `${missing} of its events are not in the Parquet file of the day`;
    const { count } = await table.rejected();
    // Parquet holds events only, so deleting would lose the evidence that lines were refused.
    return count > 0 ? `${count} of its lines are not events and are kept nowhere else` : undefined;
  } finally {
    await session.close();
  }
};
