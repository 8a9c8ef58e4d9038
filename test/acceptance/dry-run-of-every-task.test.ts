import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandSession } from '#app/command-session';
import { openCommandSession } from '#app/open-command-session';
import { adoptAuditDirectory } from '#audit/files/audit-directory';
import { loadSettings } from '#config/settings';
import type { Run } from '#runner/run';
import { silentLogger } from '#telemetry/logger';
import { auditEvent, insertEvents } from '../support/audit-events.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { snapshotFiles, snapshotTables, watchConnections } from '../support/world-snapshot.ts';

const event = (ts: string, n: number): string =>
  JSON.stringify({
    ts,
    req_id: `r-${n}`,
    workspace_id: 'ws-1',
    user_id: 'u-1',
    agent_id: 'sofiia',
    tool: 'jobs',
    action: 'start_task',
    status: 'pass',
    duration_ms: 20,
    in_size: 10,
    out_size: 20,
    input_hash: '00',
    graph_run_id: null,
    graph_node: null,
    job_id: null,
  });

const dayOf = (daysAgo: number): string =>
  new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);

describe('a dry-run', () => {
  let root: string;
  let database: TestDatabase;
  let session: CommandSession;

  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'opsloop-dry-'));
    database = await createTestDatabase();
    const auditDir = path.join(root, 'ops', 'audit');
    mkdirSync(auditDir, { recursive: true });
    // Something for every job to find: fresh calls, old files, expired runs.
    for (const daysAgo of [1, 2, 40, 41]) {
      const day = dayOf(daysAgo);
      const lines = [1, 2, 3].map((n) => event(`${day}T08:0${n}:00.000Z`, n));
      writeFileSync(path.join(auditDir, `tool_audit_${day}.jsonl`), `${lines.join('\n')}\n`);
    }
    await adoptAuditDirectory(auditDir);
    await database.database.execute(
      `INSERT INTO task_runs (id, task_id, trigger, actor, scheduled_for, inputs, inputs_hash, dry_run, state, finished_at)
       VALUES ('run_old', 'daily_cost_digest', 'cli', 'cli:x', '2020-01-01', '{}', '', false, 'succeeded', '2020-01-01')`,
    );
    session = await openCommandSession({
      settings: loadSettings({
        env: { DATABASE_URL: database.dsn, REPO_ROOT: root, AUDIT_BACKEND: 'jsonl' },
        cwd: root,
      }),
      logger: silentLogger(),
    });
  });

  afterEach(async () => {
    await session.close();
    await database.drop();
    rmSync(root, { recursive: true, force: true });
  });

  const dryRun = (taskId: string, inputs: unknown = {}): Promise<Run> =>
    session.runInline(
      {
        taskId,
        inputs,
        dryRun: true,
        force: false,
        trigger: 'cli',
        actor: session.actor,
      },
      {
        onLog: () => undefined,
        onProgress: () => undefined,
        signal: new AbortController().signal,
      },
    );

  it('of every enabled task changes nothing but its own traces', async () => {
    const tasks = [...session.registry.tasks.values()].filter(({ enabled }) => enabled);
    expect(tasks.length).toBeGreaterThan(0);
    for (const task of tasks) {
      expect(task.dryRun, `${task.id} has a dry-run`).toBe(true);
      const files = snapshotFiles(root);
      const tables = await snapshotTables(database.database, []);
      const connections = watchConnections();
      const run = await dryRun(task.id);
      const targets = connections.stop();
      expect(run, task.id).toMatchObject({ state: 'succeeded', dryRun: true, wouldFail: null });
      expect(run.effects?.length, `${task.id} intends something`).toBeGreaterThan(0);
      expect(snapshotFiles(root), task.id).toEqual(files);
      expect(await snapshotTables(database.database, [run.id]), task.id).toEqual(tables);
      const ledger = new URL(database.dsn);
      const known = [`127.0.0.1:${ledger.port}`, 'unix:', ':'];
      expect(
        targets.filter((target) => !known.includes(target)),
        `${task.id} connects to the ledger alone`,
      ).toEqual([]);
    }
  });

  it('lists what the real run then does', async () => {
    const ages = [100, 99, 5];
    await insertEvents(
      database.database,
      ages.map((daysAgo) => auditEvent({ ts: `${dayOf(daysAgo)}T08:00:00.000Z` })),
    );
    const dry = await dryRun('audit_cleanup');
    const files = snapshotFiles(path.join(root, 'ops', 'audit'));
    const real = await session.runInline(
      {
        taskId: 'audit_cleanup',
        inputs: {},
        dryRun: false,
        dryRunId: dry.id,
        force: false,
        trigger: 'cli',
        actor: session.actor,
      },
      {
        onLog: () => undefined,
        onProgress: () => undefined,
        signal: new AbortController().signal,
      },
    );
    expect(real).toMatchObject({ state: 'succeeded', effects: null });
    const compressed = (dry.effects ?? []).filter(({ effect }) => effect === 'compress_file');
    expect(compressed.map((effect) => effect['path'])).toEqual(
      [41, 40].map((daysAgo) => `ops/audit/tool_audit_${dayOf(daysAgo)}.jsonl`),
    );
    const after = snapshotFiles(path.join(root, 'ops', 'audit'));
    expect(after.filter((line) => line.includes('.jsonl.gz'))).toHaveLength(2);
    const ofEvents = (lines: readonly string[]) => lines.filter((line) => /^tool_audit/.test(line));
    expect(ofEvents(after)).toHaveLength(ofEvents(files).length);
    const written = (dry.effects ?? []).filter(({ effect }) => effect === 'write_file');
    expect(written.length).toBeGreaterThan(100);
    for (const { path: file } of written)
      expect(existsSync(path.join(root, String(file)))).toBe(true);
    const deleted = (dry.effects ?? []).filter(({ effect }) => effect === 'delete_rows');
    expect(deleted).toEqual([
      { effect: 'delete_rows', table: 'task_runs', rows: 1 },
      { effect: 'delete_rows', table: 'tool_audit_events', rows: 2 },
    ]);
    expect(await database.database.query('SELECT 1 FROM tool_audit_events')).toHaveLength(1);
    const old = await database.database.query(`SELECT 1 FROM task_runs WHERE id = 'run_old'`);
    expect(old).toEqual([]);
  });

  it('whose real run would fail says why', async () => {
    const blocked = path.join(root, 'ops', 'reports');
    writeFileSync(blocked, 'a file where the reports belong');
    try {
      const run = await dryRun('daily_cost_digest');
      expect(run.state).toBe('succeeded');
      expect(run.wouldFail).toContain('ops/reports');
      expect(run.attempts).toBe(1);
    } finally {
      rmSync(blocked);
    }
  });
});
