import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { openAuditStore } from '#audit/backends/open-audit-store';
import { systemClock } from '#core/clock';
import { packageRoot } from '#core/package-root';
import {
  applyMigrations,
  listMigrations,
  planMigrations,
  renderMigrations,
} from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';
import { auditEvent } from '#test/support/audit-events';
import { createTestDatabase, type TestDatabase } from '#test/support/postgres';

const shipped = () => listMigrations(path.join(packageRoot(), 'migrations'));

let test: TestDatabase;
let dir: string;

beforeEach(async () => {
  test = await createTestDatabase({ template: 'empty' });
  dir = await mkdtemp(path.join(tmpdir(), 'opsloop-migrations-'));
});

afterEach(async () => {
  await test.drop();
  await rm(dir, { recursive: true });
});

const writeMigrations = async (files: Readonly<Record<string, string>>) => {
  for (const [file, sql] of Object.entries(files)) await writeFile(path.join(dir, file), sql);
  return listMigrations(dir);
};

const tables = async (): Promise<readonly string[]> =>
  (
    await test.database.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
    )
  ).map(({ name }) => name);

const ONE = '-- domain: runner\nCREATE TABLE one (id int);\nINSERT INTO one VALUES (1);\n';
const TWO = '-- domain: audit\nCREATE TABLE two (id int);\n';

describe('applyMigrations', () => {
  it('applies the shipped files once and records them', async () => {
    const migrations = await shipped();
    const applied = await applyMigrations(test.database, { migrations });
    expect(applied.map(({ file }) => file)).toEqual(migrations.map(({ file }) => file));
    expect(await applyMigrations(test.database, { migrations })).toEqual([]);
    const ledger = await test.database.query<{ version: number; checksum: string }>(
      'SELECT version, checksum FROM schema_migrations ORDER BY version',
    );
    expect(ledger).toEqual(migrations.map(({ version, checksum }) => ({ version, checksum })));
  });

  it('applies each file once when four start at the same moment', async () => {
    const migrations = await shipped();
    const starters = [1, 2, 3, 4].map((number) =>
      openDatabase({ dsn: test.dsn, maxConnections: 1, applicationName: `starter-${number}` }),
    );
    try {
      const applied = await Promise.all(
        starters.map((starter) => applyMigrations(starter, { migrations })),
      );
      const versions = applied.flat().map(({ version }) => version);
      expect(versions.sort((a, b) => a - b)).toEqual(migrations.map(({ version }) => version));
    } finally {
      await Promise.all(starters.map((starter) => starter.close()));
    }
  });

  it('leaves nothing of a file that fails half-way, and keeps the files before it', async () => {
    const migrations = await writeMigrations({
      '0001_one.sql': ONE,
      '0002_bad.sql': '-- domain: runner\nCREATE TABLE half (id int);\nSELECT 1 / 0;\n',
    });
    await expect(applyMigrations(test.database, { migrations })).rejects.toThrow(/division/);
    expect(await tables()).toEqual(['one', 'schema_migrations']);
    expect((await planMigrations(test.database, { migrations })).applied).toEqual([1]);
  });

  it('applies one domain alone and the rest later', async () => {
    const migrations = await writeMigrations({ '0001_one.sql': ONE, '0002_two.sql': TWO });
    await applyMigrations(test.database, { migrations, domain: 'audit' });
    expect(await tables()).toEqual(['schema_migrations', 'two']);
    await applyMigrations(test.database, { migrations });
    expect(await tables()).toEqual(['one', 'schema_migrations', 'two']);
  });

  it('refuses a file that was changed after it was applied, by name', async () => {
    await applyMigrations(test.database, {
      migrations: await writeMigrations({ '0001_one.sql': ONE }),
    });
    const migrations = await writeMigrations({ '0001_one.sql': `${ONE}-- a change\n` });
    await expect(applyMigrations(test.database, { migrations })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('0001_one.sql'),
    });
  });

  it('takes a file whose line ends were turned by a checkout as the same file', async () => {
    await applyMigrations(test.database, {
      migrations: await writeMigrations({ '0001_one.sql': ONE }),
    });
    const migrations = await writeMigrations({ '0001_one.sql': ONE.replaceAll('\n', '\r\n') });
    expect(await applyMigrations(test.database, { migrations })).toEqual([]);
  });

  it('refuses a database that is newer than the program', async () => {
    const both = await writeMigrations({ '0001_one.sql': ONE, '0002_two.sql': TWO });
    await applyMigrations(test.database, { migrations: both });
    const older = both.slice(0, 1);
    await expect(applyMigrations(test.database, { migrations: older })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('newer than this program: it has migration 2 (two)'),
    });
  });

  it('needs no right but SELECT when nothing is pending', async () => {
    const migrations = await shipped();
    await applyMigrations(test.database, { migrations });
    const role = `reader_${path.basename(new URL(test.dsn).pathname)}`;
    await test.database.execute(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
    await test.database.execute(`GRANT SELECT ON schema_migrations TO ${role}`);
    const dsn = new URL(test.dsn);
    dsn.username = role;
    dsn.password = 'reader';
    const reader = openDatabase({ dsn: dsn.href, maxConnections: 1, applicationName: 'reader' });
    try {
      expect(await applyMigrations(reader, { migrations })).toEqual([]);
    } finally {
      await reader.close();
      await test.database.execute(`DROP OWNED BY ${role}`);
      await test.database.execute(`DROP ROLE ${role}`);
    }
  });
});

describe('planMigrations and renderMigrations', () => {
  it('change nothing, and the script has the effect of applying', async () => {
    const migrations = await shipped();
    const plan = await planMigrations(test.database, { migrations });
    const script = renderMigrations(plan.pending);
    expect(await tables()).toEqual([]);
    const client = new pg.Client({ connectionString: test.dsn });
    await client.connect();
    await client.query(script);
    await client.end();
    expect(await applyMigrations(test.database, { migrations })).toEqual([]);
    expect(await tables()).toContain('tool_audit_events');
  });
});

describe('listMigrations', () => {
  it.each([
    ['a gap', { '0001_one.sql': ONE, '0003_three.sql': TWO }, /0003_three\.sql .* 0002/],
    ['a number twice', { '0001_one.sql': ONE, '0001_two.sql': TWO }, /0001_two\.sql/],
    ['a bad name', { '1-One.sql': ONE }, /1-One\.sql is not named/],
    ['no domain', { '0001_one.sql': 'SELECT 1;' }, /0001_one\.sql needs a line/],
    ['an unknown domain', { '0001_one.sql': '-- domain: x\n' }, /runner, audit, access/],
  ])('refuses %s', async (_what, files, message) => {
    await expect(writeMigrations(files)).rejects.toThrow(message);
  });
});

describe('a tool_audit_events table of an older system', () => {
  const columns = (sizes: string, hash: string): string => `
    CREATE TABLE tool_audit_events (
      id BIGSERIAL PRIMARY KEY, ts TIMESTAMPTZ NOT NULL, req_id TEXT NOT NULL,
      workspace_id TEXT NOT NULL, user_id TEXT NOT NULL, agent_id TEXT NOT NULL,
      tool TEXT NOT NULL, action TEXT NOT NULL, status TEXT NOT NULL,
      duration_ms INT NOT NULL ${sizes}, in_size INT NOT NULL ${sizes},
      out_size INT NOT NULL ${sizes}, input_hash TEXT NOT NULL ${hash},
      graph_run_id TEXT, graph_node TEXT, job_id TEXT)`;

  it.each([
    ['with defaults', columns('DEFAULT 0', `DEFAULT ''`)],
    ['without defaults', columns('', '')],
    ['with a default of its own', columns('DEFAULT 7', `DEFAULT ''`)],
  ])('made %s keeps its rows in place and takes new ones', async (what, ddl) => {
    const { database } = test;
    await database.execute(ddl);
    await database.execute('CREATE INDEX idx_tool_audit_ts ON tool_audit_events(ts)');
    await database.execute(`
      INSERT INTO tool_audit_events (ts, req_id, workspace_id, user_id, agent_id, tool, action,
        status, duration_ms, in_size, out_size, input_hash)
      SELECT '2026-11-02T00:00:00Z', 'r' || n, 'w', 'u', 'a', 't', 'x', 'ok', n, 1, 2, 'h'
      FROM generate_series(1, 100) n`);
    const snapshot = async () =>
      database.query(`SELECT pg_relation_filenode('tool_audit_events') AS filenode,
        md5(string_agg((to_jsonb(t) - 'event_id')::text, '' ORDER BY id)) AS rows FROM tool_audit_events t WHERE id <= 100`);
    const before = await snapshot();

    await applyMigrations(database, { migrations: await shipped() });

    expect(await snapshot()).toEqual(before);
    await database.execute(`INSERT INTO tool_audit_events
      (ts, req_id, workspace_id, user_id, agent_id, tool, action, status)
      VALUES (now(), 'new', 'w', 'u', 'a', 't', 'x', 'ok')`);
    const duration = what === 'with a default of its own' ? 7 : 0;
    expect(
      await database.query(`SELECT id, duration_ms, input_hash FROM tool_audit_events
        WHERE req_id = 'new'`),
    ).toEqual([{ id: 101, duration_ms: duration, input_hash: '' }]);
    const indexes = await database.query<{ name: string }>(
      `SELECT indexname AS name FROM pg_indexes WHERE tablename = 'tool_audit_events' ORDER BY 1`,
    );
    expect(indexes.map(({ name }) => name)).toEqual([
      'idx_tool_audit_agent_ts',
      'idx_tool_audit_event_id',
      'idx_tool_audit_tool_ts',
      'idx_tool_audit_ts',
      'idx_tool_audit_ws_ts',
      'tool_audit_events_pkey',
    ]);
  });

  it('takes the events of our store beside those of its former writer, and both are read', async () => {
    const { database } = test;
    await database.execute(columns('', ''));
    const insertAsBefore = (request: string) =>
      database.execute(
        `INSERT INTO tool_audit_events (ts, req_id, workspace_id, user_id, agent_id, tool, action,
           status, duration_ms, in_size, out_size, input_hash)
         VALUES ('2026-11-02T00:00:00Z', $1, 'w', 'u', 'a', 't', 'x', 'ok', 5, 1, 2, 'h')`,
        [request],
      );
    await insertAsBefore('before');
    await applyMigrations(database, { migrations: await shipped() });
    const root = await mkdtemp(path.join(tmpdir(), 'opsloop-older-table-'));
    const store = await openAuditStore({
      backend: 'auto',
      database,
      jsonlDir: path.join(root, 'audit'),
      dataDir: root,
      tempDir: path.join(root, 'tmp'),
      fsync: 'never',
      recoverySeconds: 1,
      clock: systemClock,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    try {
      store.write(auditEvent({ ts: '2026-11-02T01:00:00Z', req_id: 'ours', status: 'error' }));
      await insertAsBefore('after');
      const { events, quality } = await store.read({});
      expect(events.map(({ req_id }) => req_id)).toEqual(['before', 'after', 'ours']);
      expect(quality).toMatchObject({ sourceBackend: 'postgres', partial: false });
      const range = { from: new Date('2026-11-02'), to: new Date('2026-11-03') };
      const { rows } = await store.aggregate({ ...range, groupBy: [] });
      expect(rows).toMatchObject([{ calls: 3, failed: 1 }]);
    } finally {
      await store.close();
      await rm(root, { recursive: true, force: true });
    }
  });
});

describe('the migrated template', () => {
  it('has every shipped migration', async () => {
    const migrated = await createTestDatabase();
    try {
      const plan = await planMigrations(migrated.database, { migrations: await shipped() });
      expect(plan.pending).toEqual([]);
      expect(migrated.dsn).not.toBe(inject('postgresDsn'));
    } finally {
      await migrated.drop();
    }
  });

  it('is described by files that each say what they are for', async () => {
    for (const { file } of await shipped()) {
      const text = await readFile(path.join(packageRoot(), 'migrations', file), 'utf8');
      expect(text.split('\n')[0]).toMatch(/^-- domain: (runner|audit|access|privacy)$/);
    }
  });
});
