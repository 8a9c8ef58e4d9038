import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settleHighestId } from '#audit/chain/event-rows';
import { openAuditChainWorld } from '../support/audit-chain-world.ts';
import { auditEvent, insertEvents } from '../support/audit-events.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { eventually } from '../support/runner-world.ts';
import { useAuditChain } from '../support/use-audit-chain.ts';

const held = useAuditChain();
let test: TestDatabase;

beforeEach(async () => {
  test = await createTestDatabase();
  held.world.database = test.database;
});
afterEach(() => test.drop());

const DAY = '2026-11-11';

const eventsOf = (day: string, count = 5) =>
  Array.from({ length: count }, (_, n) =>
    auditEvent({ ts: `${day}T10:00:0${n}.123Z`, req_id: `${day}-${n}`, tool: 'naïve "tool"\n' }),
  );

const plant = (): Promise<void> =>
  insertEvents(
    test.database,
    ['2026-11-10', DAY, '2026-11-13'].flatMap((day) => eventsOf(day)),
  );

const kindsOf = async (): Promise<readonly (readonly string[])[]> => {
  const { damages } = await held.world.verifySource('postgres');
  return damages.map(({ day, kind, place }) => [day, kind, place]);
};

const row = (n: number): string => `req_id = '${DAY}-${n}'`;

describe('rows of PostgreSQL', () => {
  it('verify as long as nobody touches them', async () => {
    await plant();
    expect(await held.world.ageRows()).toMatchObject({
      closed: { days: 10, lateDigests: 0 },
      deletedRows: 0,
      kept: [],
    });
    expect(await held.world.verifySource('postgres')).toMatchObject({
      firstDay: '2026-11-10',
      lastDay: '2026-11-19',
      eventsVerified: 15,
      damages: [],
      uncovered: [],
    });
    expect((await held.world.ageRows()).closed).toMatchObject({ days: 0, lateDigests: 0 });
  });

  it.each([
    ['a value altered', 'altered', `UPDATE tool_audit_events SET status = 'pass!' WHERE ${row(2)}`],
    [
      'a time altered by a microsecond',
      'altered',
      `UPDATE tool_audit_events SET ts = ts + interval '1 microsecond' WHERE ${row(2)}`,
    ],
    [
      'NULL made of an empty text',
      'altered',
      `UPDATE tool_audit_events SET job_id = '' WHERE ${row(1)}`,
    ],
    ['a row deleted', 'lost', `DELETE FROM tool_audit_events WHERE ${row(2)}`],
    ['the last row of a day deleted', 'truncated', `DELETE FROM tool_audit_events WHERE ${row(4)}`],
    [
      'a day deleted',
      'lost',
      `DELETE FROM tool_audit_events WHERE ts >= '${DAY}' AND ts < '2026-11-12'`,
    ],
    [
      'a row put in where an old id was free',
      'inserted',
      `INSERT INTO tool_audit_events SELECT 0 AS id, ts, 'forged', workspace_id, user_id, agent_id, tool, action, status, duration_ms, in_size, out_size, input_hash, graph_run_id, graph_node, job_id FROM tool_audit_events WHERE ${row(2)}`.replace(
        'SELECT 0 AS id',
        'SELECT 999 AS id',
      ),
    ],
  ])('%s is found', async (_name, kind, statement) => {
    await plant();
    await test.database.execute("SELECT setval('tool_audit_events_id_seq', 1000)");
    await insertEvents(test.database, eventsOf('2026-11-14', 1));
    await held.world.ageRows();
    await test.database.execute(statement);
    expect(await kindsOf()).toEqual([[DAY, kind, 'tool_audit_events']]);
  });

  it('that moved to another day are missed on the one and told of the other', async () => {
    await plant();
    await held.world.ageRows();
    await test.database.execute(
      `UPDATE tool_audit_events SET ts = ts + interval '2 days' WHERE ${row(0)}`,
    );
    expect(await kindsOf()).toEqual([
      [DAY, 'lost', 'tool_audit_events'],
      ['2026-11-13', 'inserted', 'tool_audit_events'],
    ]);
  });

  it('of an emptied table are lost from the first day on', async () => {
    await plant();
    await held.world.ageRows();
    await test.database.execute('TRUNCATE tool_audit_events');
    expect((await kindsOf()).map(([day, kind]) => [day, kind])).toEqual([
      ['2026-11-10', 'lost'],
      [DAY, 'lost'],
      ['2026-11-13', 'lost'],
    ]);
  });

  it('that are stored late get a late digest', async () => {
    await plant();
    await held.world.ageRows();
    await insertEvents(test.database, [
      ...eventsOf(DAY, 2),
      ...eventsOf('2026-11-01', 1),
      ...eventsOf('2026-11-20', 3),
    ]);
    expect((await held.world.verifySource('postgres')).uncovered).toEqual([
      { day: '2026-11-01', events: 1, why: 'stored after its day was closed' },
      { day: DAY, events: 2, why: 'stored after its day was closed' },
      { day: '2026-11-20', events: 3, why: 'not closed yet' },
    ]);
    expect((await held.world.ageRows()).closed).toMatchObject({ days: 0, lateDigests: 2 });
    expect((await held.world.ageRows()).closed).toMatchObject({ days: 0, lateDigests: 0 });
    await test.database.execute(
      `DELETE FROM tool_audit_events WHERE id = (SELECT max(id) FROM tool_audit_events WHERE ts < '2026-11-12' AND ts >= '${DAY}')`,
    );
    expect(await kindsOf()).toEqual([[DAY, 'truncated', 'tool_audit_events']]);
  });

  it('are closed only when no insert is under way that would land below', async () => {
    await plant();
    let commit = (): void => undefined;
    const mayCommit = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let inserted = (): void => undefined;
    const hasInserted = new Promise<void>((resolve) => {
      inserted = resolve;
    });
    const writing = test.database.transaction(async (sql) => {
      await sql.execute(
        `INSERT INTO tool_audit_events (ts, req_id, workspace_id, user_id, agent_id, tool, action, status) VALUES ('${DAY}T12:00:00Z', 'slow', 'w', 'u', 'a', 't', 'c', 'pass')`,
      );
      inserted();
      await mayCommit;
    });
    await hasInserted;
    const settling = settleHighestId(test.database);
    await eventually(async () => {
      const waiting = await test.database.query(
        "SELECT FROM pg_locks WHERE mode = 'ShareLock' AND NOT granted AND relation = 'tool_audit_events'::regclass",
      );
      return waiting.length > 0;
    });
    commit();
    await writing;
    const [highest] = await test.database.query<{ id: number }>(
      "SELECT id FROM tool_audit_events WHERE req_id = 'slow'",
    );
    expect(await settling).toBe(highest?.id);
  });

  it('older than their retention go by whole days, and what is left still verifies', async () => {
    await plant();
    await held.world.ageRows();
    expect(await held.world.ageRows(8)).toMatchObject({
      deletedRows: 10,
      removedToDay: DAY,
      kept: [],
    });
    const verified = await held.world.verifySource('postgres');
    expect(verified).toMatchObject({ damages: [], uncovered: [], eventsVerified: 5 });
    expect((await held.world.digestNames('postgres')).at(-1)).toContain('2026-11-10.removed.json');
  });

  it('are kept from the first day on that is not as it was digested', async () => {
    await plant();
    await held.world.ageRows();
    await test.database.execute(`DELETE FROM tool_audit_events WHERE ${row(1)}`);
    const outcome = await held.world.ageRows(3);
    expect(outcome).toMatchObject({ deletedRows: 5, removedToDay: '2026-11-10' });
    expect(outcome.kept[0]?.reason).toContain(`rows from ${DAY} on are kept`);
    expect(await kindsOf()).toEqual([[DAY, 'lost', 'tool_audit_events']]);
  });

  it('whose removal was stopped half-way are told as that, and go the next time', async () => {
    await plant();
    await held.world.ageRows(8);
    await insertEvents(test.database, eventsOf(DAY, 1));
    await test.database.execute(`UPDATE tool_audit_events SET id = 3 WHERE req_id = '${DAY}-0'`);
    expect(await held.world.verifySource('postgres')).toMatchObject({
      damages: [],
      uncovered: [{ events: 1, why: 'removal not finished' }],
    });
    expect(await held.world.ageRows(8)).toMatchObject({ deletedRows: 1 });
    expect(await held.world.verifySource('postgres')).toMatchObject({ damages: [], uncovered: [] });
  });

  it('that come late for a removed day are digested, and removed in their turn', async () => {
    await plant();
    await held.world.ageRows(8);
    await insertEvents(test.database, eventsOf(DAY, 2));
    expect(await held.world.ageRows(8)).toMatchObject({
      closed: { lateDigests: 1 },
      deletedRows: 2,
    });
    expect(await held.world.verifySource('postgres')).toMatchObject({
      damages: [],
      uncovered: [],
      eventsVerified: 5,
    });
  });

  it('removed as any beginning of any days, with late ones in between, still verify', async () => {
    const back = fc.integer({ min: 1, max: 25 });
    const nights = fc.array(fc.record({ keep: back, late: fc.option(back) }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(back, { minLength: 1, maxLength: 4 }),
        nights,
        async (ages, each) => {
          await test.database.execute('TRUNCATE tool_audit_events');
          const world = await openAuditChainWorld();
          world.database = test.database;
          const dayOf = (age: number): string =>
            new Date(Date.parse('2026-11-20') - age * 86_400_000).toISOString().slice(0, 10);
          try {
            await insertEvents(
              test.database,
              ages.flatMap((age) => eventsOf(dayOf(age), 2)),
            );
            let stored = [...ages, ...ages];
            for (const { keep, late } of each) {
              if (late !== null) {
                await insertEvents(test.database, eventsOf(dayOf(late), 1));
                stored.push(late);
              }
              const outcome = await world.ageRows(keep);
              expect(outcome.deletedRows).toBe(stored.filter((age) => age > keep).length);
              stored = stored.filter((age) => age <= keep);
              expect(await world.verifySource('postgres')).toMatchObject({
                damages: [],
                uncovered: [],
                eventsVerified: stored.length,
              });
            }
          } finally {
            await rm(world.root, { recursive: true });
          }
        },
      ),
      { numRuns: 12 },
    );
  });
});
