import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditStore } from '#audit/audit-store';
import { createMemoryAuditStore } from '#audit/backends/memory-audit-store';
import { openDatabase } from '#storage/postgres/postgres-database';
import { auditEvent } from '../support/audit-events.ts';
import { type AuditStoreWorld, makeAuditStoreWorld } from '../support/audit-store-world.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type AuditStoreBackend, checkAuditStore } from './audit-store-contract.ts';

let world: AuditStoreWorld;
let postgres: TestDatabase;
let stores = 0;

beforeAll(async () => {
  world = await makeAuditStoreWorld();
  postgres = await createTestDatabase();
});
afterAll(async () => {
  await world.end();
  await postgres.drop();
});

const place = (): { readonly jsonlDir: string } => {
  stores += 1;
  return { jsonlDir: path.join(world.root, `audit-${stores}`) };
};

/** A port on which nothing listens: PostgreSQL that is away all along. */
const awayDatabase = () =>
  openDatabase({
    dsn: 'postgresql://nobody@127.0.0.1:1/none',
    maxConnections: 2,
    applicationName: 'test',
  });

const withPostgres = async (backend: 'auto' | 'postgres'): Promise<AuditStore> => {
  await postgres.database.execute('TRUNCATE tool_audit_events');
  return world.open({ backend, database: postgres.database, ...place() });
};

const BACKENDS: readonly (AuditStoreBackend & { readonly keepsByDay: boolean })[] = [
  {
    name: 'memory',
    isWhole: true,
    keepsByDay: false,
    sourceBackend: 'memory',
    open: () => world.open({ backend: 'memory' }),
  },
  {
    name: 'jsonl',
    isWhole: true,
    keepsByDay: true,
    sourceBackend: 'jsonl',
    open: () => world.open({ backend: 'jsonl', ...place() }),
  },
  {
    name: 'postgres',
    isWhole: true,
    keepsByDay: false,
    sourceBackend: 'postgres',
    open: () => withPostgres('postgres'),
  },
  {
    name: 'auto with PostgreSQL',
    isWhole: true,
    keepsByDay: true,
    sourceBackend: 'postgres',
    open: () => withPostgres('auto'),
  },
  {
    name: 'auto without PostgreSQL',
    isWhole: false,
    keepsByDay: true,
    sourceBackend: 'jsonl_fallback',
    open: () => world.open({ backend: 'auto', database: awayDatabase(), ...place() }),
  },
];

describe('the audit store', () => {
  it.each(BACKENDS)('$name keeps what it accepted and answers the same', async (backend) => {
    await checkAuditStore(backend, { rounds: 6, keepsByDay: backend.keepsByDay });
  });

  it('fails the suite when a backend loses an event', async () => {
    const losing: AuditStoreBackend = {
      name: 'losing',
      isWhole: true,
      sourceBackend: 'memory',
      async open() {
        const store = createMemoryAuditStore();
        let seen = 0;
        return {
          ...store,
          write(event) {
            seen += 1;
            return seen % 7 === 0 ? { outcome: 'accepted' } : store.write(event);
          },
        };
      },
    };
    await expect(checkAuditStore(losing, { rounds: 30, keepsByDay: false })).rejects.toThrow();
  });

  it.each(BACKENDS)(
    '$name refuses what is no event, and what nobody could ask',
    async (backend) => {
      const store = await backend.open();
      const hostile = Object.defineProperty({}, 'ts', {
        get() {
          throw new Error('secret');
        },
      });
      for (const [event, reason] of [
        [null, /JSON object/],
        [[], /JSON object/],
        [hostile, /cannot be read/],
        [auditEvent({ ts: '2026-11-04' }), /ts is not a time/],
        [auditEvent({ ts: '2026-02-30T00:00:00Z' }), /ts is not a time/],
        [auditEvent({ tool: 'x'.repeat(513) }), /tool is longer than 512/],
        [auditEvent({ user_id: '\ud800' }), /user_id holds NUL or half/],
        [auditEvent({ user_id: 'a\0b' }), /user_id holds NUL or half/],
        [auditEvent({ duration_ms: -1 }), /duration_ms is out of range/],
        [auditEvent({ duration_ms: Number.NaN }), /duration_ms is not a number/],
        [auditEvent({ out_size: 2_147_483_648 }), /out_size is out of range/],
      ] as const) {
        const answer = store.write(event);
        expect(answer).toMatchObject({ outcome: 'refused' });
        expect('reason' in answer ? answer.reason : '').toMatch(reason);
      }
      const query = { fromTs: '2026-11-05T00:00:00Z', toTs: '2026-11-04T00:00:00Z' };
      await expect(store.read(query)).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(store.read({ limit: 0 })).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(store.read({ fromTs: 'today' })).rejects.toMatchObject({
        code: 'invalid_input',
      });
      expect(store.health()).toMatchObject({ acceptedEvents: 0, malformedEvents: 11 });
      await store.close();
      await store.close();
      expect(store.write(auditEvent())).toMatchObject({ outcome: 'refused' });
    },
  );

  it.each(BACKENDS)('$name takes the governance names and what may be absent', async (backend) => {
    const store = await backend.open();
    const { in_size: _in, out_size: _out, input_hash: _hash, job_id: _job, ...rest } = auditEvent();
    store.write({ ...rest, duration_ms: 12.6, input_chars: 7, output_size_bytes: 8 });
    await store.flush();
    const { events } = await store.read({});
    expect(events).toEqual([
      auditEvent({ duration_ms: 13, in_size: 7, out_size: 8, input_hash: '' }),
    ]);
    await store.close();
  });

  it('null discards and says so', async () => {
    const store = await world.open({ backend: 'null' });
    expect(store.write(auditEvent())).toEqual({ outcome: 'accepted' });
    await store.flush();
    expect(await store.read({})).toMatchObject({ events: [], quality: { sourceBackend: 'null' } });
    expect(store.health()).toMatchObject({ ok: true, acceptedEvents: 1, blocks: 'nothing' });
  });

  it('memory keeps the last 100,000 events', async () => {
    const store = await world.open({ backend: 'memory' });
    for (let n = 0; n < 100_010; n += 1) store.write(auditEvent({ req_id: String(n) }));
    const { events } = await store.read({ limit: 200_000 });
    expect(events).toHaveLength(100_000);
    expect(events[0]?.req_id).toBe('10');
  });
});
