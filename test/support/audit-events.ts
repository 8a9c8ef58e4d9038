import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { AUDIT_EVENT_FIELDS, type AuditEvent } from '#audit/audit-event';
import type { Database } from '#storage/database';

/** A tool call as it stands in a file. */
export type AuditEventLine = AuditEvent;

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
      const columns = AUDIT_EVENT_FIELDS.map(
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
    `INSERT INTO tool_audit_events (${AUDIT_EVENT_FIELDS.join(', ')})
     SELECT ${AUDIT_EVENT_FIELDS.join(', ')} FROM json_to_recordset($1::json) AS e(
       ts timestamptz, ${AUDIT_EVENT_FIELDS.filter((name) => name !== 'ts')
         .map((name) => `${name} ${NUMBERS.has(name) ? 'integer' : 'text'}`)
         .join(', ')})`,
    [JSON.stringify(events)],
  );
};
