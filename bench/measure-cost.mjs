// One measurement in a process of its own, so that its peak memory is its own:
// node measure-cost.mjs hand|digest jsonl|parquet|both|postgres PLACE
// PLACE is a folder of files or a DSN; prints {ms, resident_mib}.
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { createJsonlAuditReader } from '#audit/read/jsonl-audit-reader';
import { createPostgresAuditReader } from '#audit/read/postgres-audit-reader';
import { buildCostDigest } from '#finops/cost-digest';
import { openDatabase } from '#storage/postgres/postgres-database';

const FROM = '2026-11-11T00:00:00Z';
const TO = '2026-11-12T00:00:00Z';
const DAY = FROM.slice(0, 10);
const KEYS = ['tool', 'agent_id', 'user_id', 'workspace_id', 'status'];

const handWritten = (
  relation,
) => `SELECT ${KEYS.join(', ')}, count(*), sum(duration_ms), avg(duration_ms),
  percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms),
  count(*) FILTER (WHERE status IN ('error', 'timeout')), count(*) FILTER (WHERE status = 'denied')
FROM ${relation} WHERE ts >= '${FROM}' AND ts < '${TO}'
GROUP BY GROUPING SETS ((), ${KEYS.map((key) => `(${key})`).join(', ')})`;

const withDuckdb = async (work) => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return work(connection);
};

const parquetOf = (folder) =>
  `read_parquet('${path.join(folder, 'compact', `tool_audit_${DAY}.parquet`)}')`;

const RELATIONS = {
  jsonl: (folder) =>
    `read_json('${path.join(folder, `tool_audit_${DAY}.jsonl`)}', format = 'newline_delimited', columns = {ts: 'TIMESTAMPTZ', duration_ms: 'BIGINT', ${KEYS.map((key) => `${key}: 'VARCHAR'`).join(', ')}})`,
  parquet: parquetOf,
  both: parquetOf,
};

const byHand = (source, place) =>
  source === 'postgres'
    ? openDatabase({ dsn: place, maxConnections: 2, applicationName: 'bench' }).query(
        handWritten('tool_audit_events'),
      )
    : withDuckdb((connection) => connection.runAndReadAll(handWritten(RELATIONS[source](place))));

const readerOf = (source, place) =>
  source === 'postgres'
    ? createPostgresAuditReader({
        database: openDatabase({ dsn: place, maxConnections: 3, applicationName: 'bench' }),
      })
    : createJsonlAuditReader({
        directory: place,
        whenMissing: 'fail',
        tempDir: path.join(place, 'scratch'),
      });

const byDigest = (source, place) =>
  buildCostDigest(readerOf(source, place), {
    window: { from: new Date(FROM), to: new Date(TO) },
    weights: {},
    signal: new AbortController().signal,
  });

const [, , how, source, place] = process.argv;
const startedMs = performance.now();
await (how === 'hand' ? byHand : byDigest)(source, place);
process.stdout.write(
  JSON.stringify({
    ms: Math.round(performance.now() - startedMs),
    resident_mib: Math.round(process.resourceUsage().maxRSS / 1_024),
  }),
);
process.exit(0);
