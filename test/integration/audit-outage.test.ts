import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditStore } from '#audit/audit-store';
import { packageRoot } from '#core/package-root';
import type { Database } from '#storage/database';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';
import { auditEvent } from '../support/audit-events.ts';
import { type AuditStoreWorld, makeAuditStoreWorld } from '../support/audit-store-world.ts';
import { type DisposablePostgres, startDisposablePostgres } from '../support/postgres.ts';
import { eventually } from '../support/runner-world.ts';

let server: DisposablePostgres;
let database: Database;
let world: AuditStoreWorld;

beforeAll(async () => {
  server = await startDisposablePostgres();
  database = openDatabase({ dsn: server.dsn, maxConnections: 5, applicationName: 'test' });
  const migrations = await listMigrations(path.join(packageRoot(), 'migrations'));
  await applyMigrations(database, { migrations });
});
afterAll(async () => {
  await database.close();
  await server.dispose();
});
beforeEach(async () => {
  world = await makeAuditStoreWorld();
  await server.start();
  await database.execute('TRUNCATE tool_audit_events');
});
afterEach(() => world.end());

const idsInTable = async (): Promise<readonly string[]> =>
  (
    await database.query<{ req_id: string }>('SELECT req_id FROM tool_audit_events ORDER BY id')
  ).map(({ req_id }) => req_id);

const write = (store: AuditStore, from: number, to: number): void => {
  for (let n = from; n < to; n += 1) {
    expect(store.write(auditEvent({ req_id: String(n) }))).toEqual({ outcome: 'accepted' });
  }
};

const numbers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => String(n));

const messages = (): readonly string[] => world.lines.map(({ message }) => message);

describe('auto while PostgreSQL is away', () => {
  it('takes everything, says where readings come from, and brings the backlog first', async () => {
    const store = await world.open({ backend: 'auto', database });
    write(store, 0, 100);
    await store.flush();
    await eventually(async () => (await idsInTable()).length === 100);
    await server.kill9();
    write(store, 100, 300);
    await store.flush();
    await eventually(async () => store.activeBackend() === 'jsonl_fallback');
    expect(store.health()).toMatchObject({ ok: true, blocks: 'nothing', failovers: 1 });
    const { events, quality } = await store.read({ limit: 1_000 });
    expect(events.length).toBeGreaterThanOrEqual(200);
    expect(quality).toMatchObject({ sourceBackend: 'jsonl_fallback', partial: true });
    await server.start();
    write(store, 300, 350);
    await eventually(async () => store.health().pendingEvents === 0);
    expect(await idsInTable()).toEqual(numbers(350));
    expect(store.activeBackend()).toBe('postgres');
    expect((await store.read({})).quality).toMatchObject({
      sourceBackend: 'postgres',
      partial: false,
    });
    expect(store.health().failovers).toBe(2);
    const told = messages().filter((message) => message.includes('Postgres'));
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/^Postgres write failed \(.+\), switching to JSONL fallback$/);
    expect(told[1]).toMatch(/^AuditStore: Postgres is back; 2[0-9]{2} events forwarded$/);
    expect(JSON.stringify(world.lines)).not.toContain(server.dsn);
  });

  it('notices at once that it is back when a reader does', async () => {
    await server.stop();
    const store = await world.open({ backend: 'auto', database, recoverySeconds: 3_600 });
    write(store, 0, 3);
    await store.flush();
    expect((await store.read({})).quality.sourceBackend).toBe('jsonl_fallback');
    await server.start();
    const { events, quality } = await store.read({});
    expect(events.map(({ req_id }) => req_id)).toEqual(['0', '1', '2']);
    expect(quality).toMatchObject({ sourceBackend: 'postgres', partial: false });
  });

  it('answers from files when the server hangs', async () => {
    const store = await world.open({ backend: 'auto', database });
    server.freeze();
    try {
      write(store, 0, 2);
      await store.flush();
      const { events, quality } = await store.read({});
      expect(events).toHaveLength(2);
      expect(quality).toMatchObject({ sourceBackend: 'jsonl_fallback', partial: true });
    } finally {
      server.thaw();
    }
    await eventually(async () => (await idsInTable()).length === 2);
  });

  it('waits for the migration of a database that has no place for event ids', async () => {
    await database.execute('ALTER TABLE tool_audit_events RENAME COLUMN event_id TO elsewhere');
    const store = await world.open({ backend: 'auto', database });
    try {
      write(store, 0, 2);
      await store.flush();
      expect(store.activeBackend()).toBe('jsonl_fallback');
      expect(store.health().detail).toMatch(/opsloop migrate/);
    } finally {
      await database.execute('ALTER TABLE tool_audit_events RENAME COLUMN elsewhere TO event_id');
    }
    await eventually(async () => store.health().pendingEvents === 0);
    expect(await idsInTable()).toEqual(numbers(2));
  });
});

describe('postgres, which fails closed', () => {
  it('blocks every call while the database is away and recovers by itself', async () => {
    const store = await world.open({ backend: 'postgres', database });
    write(store, 0, 10);
    await store.flush();
    expect(store.health()).toMatchObject({ ok: true, blocks: 'nothing', pendingEvents: 0 });
    await server.stop();
    await eventually(async () => store.health().blocks === 'everything');
    expect(store.health().ok).toBe(false);
    write(store, 10, 20);
    await expect(store.flush()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.read({})).rejects.toMatchObject({ code: 'unavailable' });
    await server.start();
    await eventually(async () => store.health().ok && store.health().pendingEvents === 0);
    expect(await idsInTable()).toEqual(numbers(20));
  });

  it('refuses when its buffer is full, and loses nothing that it accepted', async () => {
    await server.stop();
    const store = await world.open({ backend: 'postgres', database });
    write(store, 0, 10_000);
    expect(store.write(auditEvent())).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/buffer of 10000 audit events is full/),
    });
    await server.start();
    await eventually(async () => store.health().pendingEvents === 0);
    expect(store.health()).toMatchObject({ ok: true, acceptedEvents: 10_000, refusedEvents: 1 });
    expect(await idsInTable()).toEqual(numbers(10_000));
  });
});
