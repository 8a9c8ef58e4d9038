import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Database } from '#storage/database';

/** A tool call as it stands in a file. */
export interface AuditEventLine {
  readonly ts: string;
  readonly req_id: string;
  readonly workspace_id: string;
  readonly user_id: string;
  readonly agent_id: string;
  readonly tool: string;
  readonly action: string;
  readonly status: string;
  readonly duration_ms: number;
  readonly in_size: number;
  readonly out_size: number;
  readonly input_hash: string;
  readonly graph_run_id: string | null;
  readonly graph_node: string | null;
  readonly job_id: string | null;
}

export const auditEvent = (given: Partial<AuditEventLine> = {}): AuditEventLine => ({
  ts: '2026-11-04T12:00:00.000Z',
  req_id: 'req-1',
  workspace_id: 'w1',
  user_id: 'u1',
  agent_id: 'a1',
  tool: 'search',
  action: 'call',
  status: 'pass',
  duration_ms: 100,
  in_size: 10,
  out_size: 20,
  input_hash: '00ff',
  graph_run_id: null,
  graph_node: null,
  job_id: null,
  ...given,
});

export const jsonLines = (events: readonly object[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

const byDay = (
  events: readonly AuditEventLine[],
): ReadonlyMap<string, readonly AuditEventLine[]> => {
  const days = new Map<string, AuditEventLine[]>();
  for (const event of events) {
    const day = event.ts.slice(0, 10);
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return days;
};

export const writeJsonlDays = async (
  directory: string,
  events: readonly AuditEventLine[],
): Promise<void> => {
  await mkdir(directory, { recursive: true });
  for (const [day, ofDay] of byDay(events)) {
    await writeFile(path.join(directory, `tool_audit_${day}.jsonl`), jsonLines(ofDay));
  }
};

/** Two members per file, as appending to an archive leaves them. */
export const writeGzipDays = async (
  directory: string,
  events: readonly AuditEventLine[],
): Promise<void> => {
  await mkdir(directory, { recursive: true });
  for (const [day, ofDay] of byDay(events)) {
    const half = Math.floor(ofDay.length / 2);
    await writeFile(
      path.join(directory, `tool_audit_${day}.jsonl.gz`),
      Buffer.concat([
        gzipSync(jsonLines(ofDay.slice(0, half))),
        gzipSync(jsonLines(ofDay.slice(half))),
      ]),
    );
  }
};

const COLUMNS = [
  'ts',
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
  'duration_ms',
  'in_size',
  'out_size',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
] as const;

const NUMBERS: ReadonlySet<string> = new Set(['duration_ms', 'in_size', 'out_size']);

/** As compaction writes them: into `compact/`, `ts` as a timestamp with zone. */
export const writeParquetDays = async (
  directory: string,
  events: readonly AuditEventLine[],
): Promise<void> => {
  const compact = path.join(directory, 'compact');
  await mkdir(compact, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    for (const [day, ofDay] of byDay(events)) {
      const source = path.join(compact, `source-${day}.ndjson`);
      await writeFile(source, jsonLines(ofDay));
      const columns = COLUMNS.map(
        (name) =>
          `${name}: '${name === 'ts' ? 'TIMESTAMPTZ' : NUMBERS.has(name) ? 'INTEGER' : 'VARCHAR'}'`,
      );
      const target = path.join(compact, `tool_audit_${day}.parquet`);
      await connection.run(
        `COPY (SELECT * FROM read_json('${source}', format = 'newline_delimited', columns = {${columns.join(', ')}})) TO '${target}' (FORMAT parquet, COMPRESSION zstd)`,
      );
      await rm(source);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
};

export const insertEvents = async (
  database: Database,
  events: readonly AuditEventLine[],
): Promise<void> => {
  await database.execute(
    `INSERT INTO tool_audit_events (${COLUMNS.join(', ')})
     SELECT ${COLUMNS.join(', ')} FROM json_to_recordset($1::json) AS e(
       ts timestamptz, ${COLUMNS.filter((name) => name !== 'ts')
         .map((name) => `${name} ${NUMBERS.has(name) ? 'integer' : 'text'}`)
         .join(', ')})`,
    [JSON.stringify(events)],
  );
};
