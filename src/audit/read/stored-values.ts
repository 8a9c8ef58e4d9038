import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { type AnalyticsSession, sqlLiteral } from '#storage/duckdb/analytics-session';
import { gunzipFile } from '#storage/jsonl/gunzip-file';
import type { AuditFile } from '../files/audit-files.ts';

/** Longest line that counts, in bytes. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
/** Rows to one page of a Parquet file: making objects of them holds the event loop. */
const PAGE_ROWS = 4_000;

/** What stands at a place of a file: a value that may be an event, or why it cannot be one. */
export interface StoredValue {
  /** From 1. */
  readonly line: number;
  readonly value: unknown;
  readonly fault: string | undefined;
}

const parseLine = (bytes: Buffer, line: number): StoredValue | undefined => {
  if (bytes.length > MAX_LINE_BYTES) {
    return { line, value: undefined, fault: `is longer than ${MAX_LINE_BYTES} bytes` };
  }
  if (!isUtf8(bytes)) return { line, value: undefined, fault: 'is not valid UTF-8' };
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return { line, value: JSON.parse(text) as unknown, fault: undefined };
  } catch {
    return { line, value: undefined, fault: 'is not a JSON object' };
  }
};

async function* valuesOfLines(source: AsyncIterable<Buffer>): AsyncGenerator<StoredValue[]> {
  let carried: Buffer = Buffer.alloc(0);
  let line = 0;
  for await (const chunk of source) {
    const values: StoredValue[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      line += 1;
      const value = parseLine(carried.length === 0 ? piece : Buffer.concat([carried, piece]), line);
      if (value !== undefined) values.push(value);
      carried = Buffer.alloc(0);
      start = end + 1;
    }
    // One byte more than a line may have is enough to see that it is too long.
    carried = Buffer.concat([carried, chunk.subarray(start)]).subarray(0, MAX_LINE_BYTES + 1);
    yield values;
  }
  if (carried.length > 0) {
    yield [{ line: line + 1, value: undefined, fault: 'has no newline at its end (torn)' }];
  }
}

const TEXTS = [
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
] as const;
const NUMBERS = ['duration_ms', 'in_size', 'out_size', 'input_chars', 'output_size_bytes'] as const;

const parquetColumns = (types: ReadonlyMap<string, string>): readonly string[] => {
  const ts = types.get('ts')?.startsWith('TIMESTAMP')
    ? "strftime(CAST(ts AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%S.%fZ') AS ts"
    : 'ts';
  return [
    ts,
    ...TEXTS.filter((name) => types.has(name)),
    ...NUMBERS.filter((name) => types.has(name)).map(
      (name) => `CAST(${name} AS DOUBLE) AS ${name}`,
    ),
  ];
};

async function* valuesOfParquet(
  file: string,
  session: AnalyticsSession,
): AsyncGenerator<StoredValue[]> {
  const source = `read_parquet(${sqlLiteral(file)}, file_row_number = true)`;
  const described = await session.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${source}`,
  );
  const columns = parquetColumns(
    new Map(described.map(({ column_name, column_type }) => [column_name, column_type])),
  );
  for (let from = 0; ; from += PAGE_ROWS) {
    const rows = await session.rows<Record<string, unknown>>(
      `SELECT CAST(file_row_number AS DOUBLE) AS n, ${columns.join(', ')} FROM ${source}
       WHERE file_row_number >= ${from} AND file_row_number < ${from + PAGE_ROWS} ORDER BY file_row_number`,
    );
    if (rows.length === 0) return;
    yield rows.map((row) => ({ line: Number(row['n']) + 1, value: row, fault: undefined }));
  }
}

/**
 * Everything that stands in an audit file, in its order, some hundred values at
 * a time. Throws at the end of what can be read of a damaged file.
 */
export const storedValues = (
  file: AuditFile,
  session: () => Promise<AnalyticsSession>,
): AsyncIterable<readonly StoredValue[]> => {
  switch (file.form) {
    case 'jsonl':
      return valuesOfLines(createReadStream(file.path) as AsyncIterable<Buffer>);
    case 'gzip':
      return valuesOfLines(gunzipFile(file.path));
    case 'parquet':
      return (async function* () {
        yield* valuesOfParquet(file.path, await session());
      })();
  }
};
