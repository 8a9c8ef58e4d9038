// The cost digest of one day against a hand-written query of the same totals and
// breakdowns, over JSONL, Parquet, a closed day that exists as both, and PostgreSQL,
// at three sizes. Wanted: at most 1.5 times the query's time and 1 GiB resident.
// Medians of three rounds; each measurement is a process of its own.
// BENCH_COST_EVENTS=625000,2500000 chooses other sizes.
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { markOfLines, writeMark } from '#audit/read/lines-mark';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';
import { withPostgres } from '../engines.mjs';

const DAY = '2026-11-11';
const REPEATS = 3;
const SIZES = (process.env.BENCH_COST_EVENTS ?? '625000,2500000,10000000').split(',').map(Number);
const MEASURE = path.join(import.meta.dirname, '..', 'measure-cost.mjs');

/** Thirty tools, forty agents, five hundred users; durations with a long tail. */
const events = (
  count,
) => `SELECT strftime(make_timestamp(epoch_us(TIMESTAMPTZ '${DAY}T00:00:00Z') + n * 86400000000 // ${count}), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
  'req-' || n AS req_id, 'ws-' || hash(n * 8 + 1) % 12 AS workspace_id, 'user-' || hash(n * 8 + 2) % 500 AS user_id,
  'agent-' || hash(n * 8 + 3) % 40 AS agent_id, 'tool_' || hash(n * 8 + 4) % 30 AS tool, 'call' AS action,
  CASE WHEN hash(n * 8 + 5) % 100 < 92 THEN 'pass' WHEN hash(n * 8 + 5) % 100 < 96 THEN 'error' WHEN hash(n * 8 + 5) % 100 < 98 THEN 'denied' ELSE 'timeout' END AS status,
  CAST(exp(3 + 6 * ((hash(n * 8 + 6) % 10000) / 10000.0)) AS INTEGER) AS duration_ms,
  CAST(hash(n * 8 + 2) % 5000 AS INTEGER) AS in_size, CAST(hash(n * 8 + 3) % 20000 AS INTEGER) AS out_size,
  sha256(CAST(n AS VARCHAR)) AS input_hash, NULL::VARCHAR AS graph_run_id, NULL::VARCHAR AS graph_node, NULL::VARCHAR AS job_id
FROM range(${count}) AS numbers(n)`;

const writeFiles = async (folder, count) => {
  mkdirSync(path.join(folder, 'jsonl'));
  mkdirSync(path.join(folder, 'parquet', 'compact'), { recursive: true });
  mkdirSync(path.join(folder, 'both', 'compact'), { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(
    `COPY (${events(count)}) TO '${folder}/jsonl/tool_audit_${DAY}.jsonl' (FORMAT json)`,
  );
  await connection.run(
    `COPY (SELECT * REPLACE (CAST(ts AS TIMESTAMPTZ) AS ts) FROM (${events(count)})) TO '${folder}/parquet/compact/tool_audit_${DAY}.parquet' (FORMAT parquet, COMPRESSION zstd)`,
  );
  const lines = path.join(folder, 'both', `tool_audit_${DAY}.jsonl`);
  linkSync(path.join(folder, 'jsonl', `tool_audit_${DAY}.jsonl`), lines);
  const mark = await markOfLines({ path: lines, form: 'jsonl' });
  await connection.run(
    `COPY (FROM read_parquet('${folder}/parquet/compact/tool_audit_${DAY}.parquet')) TO '${folder}/both/compact/tool_audit_${DAY}.parquet' (FORMAT parquet, COMPRESSION zstd, ${writeMark(mark)})`,
  );
  connection.closeSync();
  instance.closeSync();
};

const fillTable = async (dsn, count) => {
  const database = openDatabase({ dsn, maxConnections: 2, applicationName: 'bench' });
  const migrations = path.join(import.meta.dirname, '..', '..', 'migrations');
  await applyMigrations(database, { migrations: await listMigrations(migrations) });
  await database.execute(
    `INSERT INTO tool_audit_events (ts, req_id, workspace_id, user_id, agent_id, tool, action, status, duration_ms, in_size, out_size, input_hash)
     SELECT timestamptz '${DAY}T00:00:00Z' + n * (interval '1 day' / ${count}), 'req-' || n, 'ws-' || ((h >> 3) & 7), 'user-' || ((h >> 6) & 511), 'agent-' || ((h >> 15) & 31), 'tool_' || ((h >> 20) & 31), 'call',
       CASE WHEN h & 15 < 14 THEN 'pass' WHEN h & 15 = 14 THEN 'error' ELSE 'denied' END, CAST(exp(3 + 6 * random()) AS integer), 10, 20, md5(n::text)
     FROM generate_series(0, ${count} - 1) AS n, LATERAL (SELECT abs(hashint4(n::integer)::bigint) AS h) AS hashed`,
  );
  await database.execute('ANALYZE tool_audit_events');
  await database.close();
};

const measure = (how, source, place) =>
  JSON.parse(execFileSync(process.execPath, [MEASURE, how, source, place], { encoding: 'utf8' }));

/** In turns, so that what else the machine does disturbs both alike. */
const compare = (source, place) => {
  const hand = [];
  const digest = [];
  for (let n = 0; n < REPEATS; n += 1) {
    hand.push(measure('hand', source, place));
    digest.push(measure('digest', source, place));
  }
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
  const ratios = hand.map(({ ms }, round) => digest[round].ms / ms);
  return {
    hand_ms: median(hand.map(({ ms }) => ms)),
    digest_ms: median(digest.map(({ ms }) => ms)),
    ratio: Number(median(ratios).toFixed(2)),
    resident_mib: Math.max(...digest.map(({ resident_mib }) => resident_mib)),
  };
};

/** 1 is linear; from the smallest size to the largest. */
const exponentOf = (rows) => {
  const [first, last] = [rows[0], rows.at(-1)];
  if (rows.length < 2) return null;
  const growth = Math.log(last.digest_ms / first.digest_ms) / Math.log(last.events / first.events);
  return Number(growth.toFixed(2));
};

const measureSize = async (count, results) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-'));
  try {
    await writeFiles(folder, count);
    for (const source of ['jsonl', 'parquet', 'both'])
      results[source].push({ events: count, ...compare(source, path.join(folder, source)) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await withPostgres(async (dsn) => {
    await fillTable(dsn, count);
    results.postgres.push({ events: count, ...compare('postgres', dsn) });
  });
};

export const bench = async () => {
  const results = { jsonl: [], parquet: [], both: [], postgres: [] };
  for (const count of SIZES) await measureSize(count, results);
  return {
    wanted_ratio: 1.5,
    wanted_resident_mib: 1_024,
    ...Object.fromEntries(
      Object.entries(results).map(([source, rows]) => [
        source,
        { exponent: exponentOf(rows), sizes: rows },
      ]),
    ),
  };
};
