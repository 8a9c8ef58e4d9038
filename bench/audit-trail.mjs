// What the audit benches share: events, a store of its own, a table of its own.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAuditStore } from '#audit/backends/open-audit-store';
import { systemClock } from '#core/clock';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';

/** 1×, 4×, 16×. */
export const SIZES = [62_500, 250_000, 1_000_000];

const START = Date.parse('2026-11-04T00:00:00Z');
const TOOLS = ['llm_chat', 'search', 'jobs', 'cost_analyzer_tool', 'calculate'];

/** A tool call as the gateway writes it; `index` tells them apart. */
export const eventOf = (index) => ({
  ts: new Date(START + index).toISOString(),
  req_id: `req-${index.toString().padStart(9, '0')}`,
  workspace_id: `ws-${index % 7}`,
  user_id: `key:${index % 50}`,
  agent_id: `agent-${index % 20}`,
  tool: TOOLS[index % TOOLS.length],
  action: 'call',
  status: index % 40 === 0 ? 'error' : 'pass',
  duration_ms: (index * 7_919) % 4_000,
  in_size: index % 900,
  out_size: (index * 31) % 9_000,
  input_hash: (index * 2_654_435_761).toString(16).padStart(32, '0').slice(0, 32),
  graph_run_id: null,
  graph_node: null,
  job_id: null,
});

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Runs `work` with a store in a directory of its own, and removes that. */
export const withStore = async (backend, database, work) => {
  const root = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-audit-'));
  const store = await openAuditStore({
    backend,
    database,
    jsonlDir: path.join(root, 'audit'),
    dataDir: root,
    tempDir: path.join(root, 'tmp'),
    fsync: 'interval',
    recoverySeconds: 300,
    clock: systemClock,
    logger: quiet,
  });
  try {
    return await work(store, root);
  } finally {
    await store.close();
    rmSync(root, { recursive: true, force: true });
  }
};

/** A migrated, empty table. */
export const withTable = async (dsn, work) => {
  const database = openDatabase({ dsn, maxConnections: 6, applicationName: 'bench' });
  try {
    const migrations = path.join(import.meta.dirname, '..', 'migrations');
    await applyMigrations(database, { migrations: await listMigrations(migrations) });
    await database.execute('TRUNCATE tool_audit_events');
    return await work(database);
  } finally {
    await database.close();
  }
};

/** Writes all events as fast as they are taken, leaving the event loop its turns. */
export const writeAll = async (store, count, eventAt = eventOf) => {
  for (let index = 0; index < count; ) {
    const answer = store.write(eventAt(index));
    if (answer.outcome === 'accepted') index += 1;
    if (answer.outcome !== 'accepted' || index % 500 === 0)
      await new Promise((resolve) => setImmediate(resolve));
  }
  await store.flush();
};

export const newEventId = () => randomUUID();

export const perSecond = (count, ms) => Math.round((count / ms) * 1_000);

/** How the time grows with the size: 1 is linear. */
export const exponentOf = (rows, time) => {
  const [first, last] = [rows[0], rows.at(-1)];
  const growth = Math.log(time(last) / time(first)) / Math.log(last.events / first.events);
  return Math.round(growth * 100) / 100;
};
