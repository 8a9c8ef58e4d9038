import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCommandSession } from '#app/open-command-session';
import { AUDIT_GRANTS } from '#audit/audit-grants';
import { settleHighestId } from '#audit/chain/event-rows';
import { loadSettings } from '#config/settings';
import type { Database } from '#storage/database';
import { sqlState } from '#storage/postgres/postgres-database';
import { silentLogger } from '#telemetry/logger';
import { auditEvent, insertEvents } from '../support/audit-events.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const ROLES = ['writer', 'reader', 'retention'] as const;
type Role = (typeof ROLES)[number];

const REFUSED = '42501';

let test: TestDatabase;

beforeEach(async () => {
  // One connection, so that SET ROLE holds for the next statement.
  test = await createTestDatabase({ maxConnections: 1 });
  await insertEvents(test.database, [auditEvent({ ts: '2026-01-01T00:00:00Z' })]);
  await test.database.execute(AUDIT_GRANTS);
});

afterEach(async () => {
  await test.database.execute('RESET ROLE');
  for (const role of ROLES) {
    await test.database.execute(`DROP OWNED BY opsloop_audit_${role}`);
    await test.database.execute(`DROP ROLE opsloop_audit_${role}`);
  }
  await test.drop();
});

const ACTIONS: Readonly<Record<string, (database: Database) => Promise<unknown>>> = {
  select: (database) => database.query('SELECT * FROM tool_audit_events'),
  insert: (database) => insertEvents(database, [auditEvent({ req_id: 'by a role' })]),
  update: (database) => database.execute("UPDATE tool_audit_events SET tool = 'forged'"),
  delete: (database) => database.execute("DELETE FROM tool_audit_events WHERE req_id = 'x'"),
  truncate: (database) => database.execute('TRUNCATE tool_audit_events'),
  'close its days': (database) => settleHighestId(database),
  'see migrations': (database) => database.query('SELECT version FROM schema_migrations'),
  'start a run': (database) => database.query('SELECT * FROM task_runs'),
};

const ALLOWED: Readonly<Record<Role, readonly string[]>> = {
  writer: ['select', 'insert', 'see migrations'],
  reader: ['select', 'see migrations'],
  retention: ['select', 'delete', 'close its days', 'see migrations'],
};

const allowedTo = async (role: Role): Promise<readonly string[]> => {
  const allowed: string[] = [];
  await test.database.execute(`SET ROLE opsloop_audit_${role}`);
  for (const [name, act] of Object.entries(ACTIONS)) {
    try {
      await act(test.database);
      allowed.push(name);
    } catch (error) {
      if (sqlState(error) !== REFUSED) throw error;
    }
  }
  await test.database.execute('RESET ROLE');
  return allowed;
};

describe('the printed grants', () => {
  it.each(ROLES)('let the %s do its work and nothing else', async (role) => {
    expect(await allowedTo(role)).toEqual(ALLOWED[role]);
  });

  it('can be run again, and take back what was added', async () => {
    await test.database.execute('GRANT UPDATE ON tool_audit_events TO opsloop_audit_writer');
    await test.database.execute(AUDIT_GRANTS);
    expect(await allowedTo('writer')).toEqual(ALLOWED.writer);
  });

  it('tell a role that may not close days what to set', async () => {
    await test.database.execute('SET ROLE opsloop_audit_writer');
    await expect(settleHighestId(test.database)).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('ADMIN_DATABASE_URL'),
    });
  });
});

describe('a clean-up with ADMIN_DATABASE_URL', () => {
  const ADMIN = 'opsloop_test_admin';
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-admin-'));
    await test.database.execute(
      `CREATE ROLE ${ADMIN} LOGIN PASSWORD 'admin' IN ROLE opsloop_audit_retention`,
    );
    await test.database.execute(`
      CREATE FUNCTION only_admin() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_user <> '${ADMIN}' THEN RAISE EXCEPTION 'deleted by %', current_user; END IF;
        RETURN OLD;
      END $$`);
    await test.database.execute(
      'CREATE TRIGGER only_admin BEFORE DELETE ON tool_audit_events FOR EACH ROW EXECUTE FUNCTION only_admin()',
    );
  });
  afterEach(async () => {
    await test.database.execute('RESET ROLE');
    await test.database.execute(`DROP ROLE ${ADMIN}`);
    await rm(root, { recursive: true });
  });

  it('closes days and deletes rows by that role, which may do nothing else', async () => {
    const admin = new URL(test.dsn);
    admin.username = ADMIN;
    admin.password = 'admin';
    const session = await openCommandSession({
      settings: loadSettings({
        env: { DATABASE_URL: test.dsn, ADMIN_DATABASE_URL: admin.href, REPO_ROOT: root },
        cwd: root,
      }),
      logger: silentLogger(),
    });
    try {
      const run = await session.runInline(
        {
          taskId: 'audit_cleanup',
          inputs: {},
          dryRun: false,
          force: true,
          trigger: 'cli',
          actor: session.actor,
        },
        {
          onLog: () => undefined,
          onProgress: () => undefined,
          signal: new AbortController().signal,
        },
      );
      expect(run).toMatchObject({ state: 'succeeded', result: { deleted_rows: 1 } });
    } finally {
      await session.close();
    }
    expect(await test.database.query('SELECT FROM tool_audit_events')).toEqual([]);
  });
});
