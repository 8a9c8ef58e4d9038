import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditStore } from '#audit/audit-store';
import { adoptAuditDirectory } from '#audit/files/audit-directory';
import { systemClock } from '#core/clock';
import type { Database } from '#storage/database';
import { openDatabase } from '#storage/postgres/postgres-database';
import { auditEvent, jsonLines } from '../support/audit-events.ts';
import { type AuditStoreWorld, makeAuditStoreWorld } from '../support/audit-store-world.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { eventually } from '../support/runner-world.ts';

const DAY = '2026-11-04';
const FILE = `tool_audit_${DAY}.jsonl`;

let world: AuditStoreWorld;
let postgres: TestDatabase;
let away: Database;

beforeAll(async () => {
  postgres = await createTestDatabase();
  away = openDatabase({
    dsn: 'postgresql://nobody@127.0.0.1:1/none',
    maxConnections: 2,
    applicationName: 'test',
  });
});
afterAll(async () => {
  await away.close();
  await postgres.drop();
});
beforeEach(async () => {
  world = await makeAuditStoreWorld();
  await postgres.database.execute('TRUNCATE tool_audit_events');
});
afterEach(() => world.end());

const file = (): string => path.join(world.directory, FILE);
const sidecar = (): string => path.join(world.directory, '.spool', `${DAY}.json`);
const write = async (store: AuditStore, ...ids: readonly string[]): Promise<void> => {
  for (const req_id of ids)
    expect(store.write(auditEvent({ req_id }))).toEqual({ outcome: 'accepted' });
  await store.flush();
};
const inFile = async (): Promise<readonly string[]> =>
  (await readFile(file(), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { req_id: string }).req_id);
const inTable = async (): Promise<readonly string[]> =>
  (
    await postgres.database.query<{ req_id: string }>(
      'SELECT req_id FROM tool_audit_events ORDER BY id',
    )
  ).map(({ req_id }) => req_id);

/** Opens `auto`, lets it forward what is there and closes it. */
const forward = async (): Promise<void> => {
  const store = await world.open({ backend: 'auto', database: postgres.database });
  await store.read({ limit: 1 });
  await store.close();
};
/** What waits in the spool after an outage. */
const spoolAway = async (...ids: readonly string[]): Promise<void> => {
  const store = await world.open({ backend: 'auto', database: away });
  await write(store, ...ids);
  await store.close();
};

describe('the audit spool', () => {
  it('is forwarded in order by the next process and then empty', async () => {
    await spoolAway('1', '2', '3');
    expect(await inFile()).toEqual(['1', '2', '3']);
    await forward();
    expect(await inTable()).toEqual(['1', '2', '3']);
    expect((await readdir(world.directory)).sort()).toEqual(['.opsloop-audit', '.spool']);
    expect((await readdir(path.dirname(sidecar()))).sort()).toEqual(['forward.lock', 'write.lock']);
  });

  it('is sent again without storing anything twice, whatever was noted of it', async () => {
    await spoolAway('1', '2');
    const before = await readFile(sidecar(), 'utf8');
    const lines = await readFile(file(), 'utf8');
    await forward();
    // As a crash after COMMIT and before the note leaves it.
    await writeFile(file(), lines);
    await writeFile(sidecar(), before);
    await spoolAway('3');
    await forward();
    expect(await inTable()).toEqual(['1', '2', '3']);
  });

  it('gives other events other ids when a power cut took what was forwarded', async () => {
    await spoolAway('1', '2');
    const before = await readFile(sidecar(), 'utf8');
    await forward();
    await writeFile(sidecar(), before);
    await spoolAway('3', '4');
    await forward();
    await writeFile(sidecar(), before);
    await writeFile(file(), jsonLines(['3', '4'].map((req_id) => auditEvent({ req_id }))));
    await forward();
    expect([...(await inTable())].sort()).toEqual(['1', '2', '3', '4']);
  });

  it('starts anew when the file was cut and its note was not', async () => {
    await spoolAway('1', '2');
    const noted = JSON.parse(await readFile(sidecar(), 'utf8')) as object;
    const { length } = await readFile(file());
    await writeFile(sidecar(), JSON.stringify({ ...noted, confirmed_bytes: length }));
    await truncate(file(), 0);
    await spoolAway('3');
    await forward();
    expect(await inTable()).toEqual(['3']);
  });

  it.each([
    ['lost', () => rm(sidecar())],
    ['garbled', () => writeFile(sidecar(), '{"id": "x')],
  ])(
    'keeps events in the file when the note of them is %s, and forwards later ones',
    async (_how, harm) => {
      await spoolAway('1');
      await harm();
      await spoolAway('2');
      await forward();
      expect(await inTable()).toEqual(['2']);
      expect(await inFile()).toEqual(['1']);
    },
  );

  it('says aloud that a garbled note keeps events from PostgreSQL', async () => {
    await spoolAway('1');
    await writeFile(sidecar(), '[]');
    await forward();
    expect(world.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { facts: { file: FILE }, message: expect.stringContaining('not forwarded') },
    ]);
  });

  it('leaves the history of the jsonl backend where it is, and goes back to it', async () => {
    const jsonl = await world.open({ backend: 'jsonl' });
    await write(jsonl, 'history');
    await jsonl.close();
    const auto = await world.open({ backend: 'auto', database: postgres.database });
    await write(auto, 'forwarded');
    await auto.close();
    expect(await inTable()).toEqual(['forwarded']);
    expect(await inFile()).toEqual(['history']);
    await spoolAway('waiting');
    const again = await world.open({ backend: 'jsonl' });
    await write(again, 'later');
    const { events } = await again.read({});
    expect(events.map(({ req_id }) => req_id)).toEqual(['history', 'waiting', 'later']);
    await again.close();
    await forward();
    expect(await inTable()).toEqual(['forwarded', 'waiting', 'later']);
    expect(await inFile()).toEqual(['history']);
  });

  it('does not let a bad line hold up its neighbours', async () => {
    await spoolAway('1');
    await appendFile(file(), 'not json\n{"ts":5}\n');
    await spoolAway('2');
    await forward();
    expect(await inTable()).toEqual(['1', '2']);
    const rejected = (await readdir(world.directory)).find((name) => name.startsWith('rejected-'));
    const lines = (await readFile(path.join(world.directory, rejected ?? ''), 'utf8'))
      .trim()
      .split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { reason: 'is not a JSON object', fields: [], file: FILE },
      { reason: 'ts is not a string', fields: ['ts'], file: FILE },
    ]);
  });

  it('keeps what PostgreSQL refuses for its content, and stores the rest', async () => {
    await postgres.database.execute(
      "ALTER TABLE tool_audit_events ADD CONSTRAINT planted CHECK (req_id NOT LIKE 'bad%')",
    );
    try {
      await spoolAway('1', 'bad-2', '3', '4', 'bad-5');
      await forward();
    } finally {
      await postgres.database.execute('ALTER TABLE tool_audit_events DROP CONSTRAINT planted');
    }
    expect(await inTable()).toEqual(['1', '3', '4']);
    const kept = await readFile(
      path.join(world.directory, `refused_by_postgres_${DAY}.jsonl`),
      'utf8',
    );
    expect(kept).toBe(
      jsonLines([auditEvent({ req_id: 'bad-2' }), auditEvent({ req_id: 'bad-5' })]),
    );
  });

  it('cuts a torn line before it appends', async () => {
    const jsonl = await world.open({ backend: 'jsonl' });
    await write(jsonl, '1');
    await appendFile(file(), '{"ts":"2026-11-04T12:0');
    await write(jsonl, '2');
    expect(await inFile()).toEqual(['1', '2']);
    expect(jsonl.health().repairedLines).toBe(1);
  });

  it('tells readers how many events are not in PostgreSQL yet', async () => {
    const store = await world.open({ backend: 'auto', database: postgres.database });
    const held = postgres.database.transaction(async (sql) => {
      await sql.execute('LOCK TABLE tool_audit_events IN SHARE MODE');
      await write(store, '1', '2');
      return store.read({});
    });
    expect(await held).toMatchObject({
      events: [],
      quality: {
        sourceBackend: 'postgres',
        partial: true,
        problems: [expect.stringMatching(/^2 accepted events/)],
      },
    });
    const reading = await eventually(async () => {
      const found = await store.read({});
      return found.quality.partial ? null : found;
    });
    expect(reading.events).toHaveLength(2);
  });

  it('goes on when the directory is removed under it', async () => {
    const jsonl = await world.open({ backend: 'jsonl' });
    await write(jsonl, '1');
    await rm(world.directory, { recursive: true });
    await write(jsonl, '2');
    expect(await inFile()).toEqual(['2']);
    expect(await readdir(world.directory)).toContain('.opsloop-audit');
  });

  it('takes events again after the directory was removed with what was not on the disk yet', async () => {
    const jsonl = await world.open({ backend: 'jsonl', fsync: 'interval' });
    jsonl.write(auditEvent({ req_id: '1' }));
    await jsonl.read({ limit: 1 });
    await rm(world.directory, { recursive: true });
    await jsonl.flush();
    expect(jsonl.health()).toMatchObject({ ok: true, blocks: 'nothing' });
    await write(jsonl, '2');
    expect(await inFile()).toEqual(['2']);
  });

  it('marks the directory as ours when the first file made anew in it is that of rejects', async () => {
    const jsonl = await world.open({ backend: 'jsonl' });
    await rm(world.directory, { recursive: true });
    jsonl.write({});
    await jsonl.close();
    expect(await readdir(world.directory)).toContain('.opsloop-audit');
  });

  it('is emptied although the clock was set back', async () => {
    let setBackMs = 0;
    const now = (): Date => new Date(systemClock.now().getTime() - setBackMs);
    const clock = { ...systemClock, now };
    const store = await world.open({ backend: 'auto', database: postgres.database, clock });
    await write(store, '1');
    await eventually(async () => !(await readdir(world.directory)).includes(FILE));
    setBackMs = 86_400_000;
    await write(store, '2');
    await eventually(async () => !(await readdir(world.directory)).includes(FILE));
    expect(await inTable()).toEqual(['1', '2']);
  });

  it('is forwarded from the data directory once the configured one was adopted', async () => {
    await mkdir(world.directory);
    await writeFile(file(), jsonLines([auditEvent({ req_id: 'theirs' })]));
    await spoolAway('1', '2');
    expect(await inFile()).toEqual(['theirs']);
    await adoptAuditDirectory(world.directory);
    const store = await world.open({ backend: 'auto', database: postgres.database });
    await eventually(async () => (await inTable()).length === 2);
    await store.close();
    expect(await inTable()).toEqual(['1', '2']);
    expect(await inFile()).toEqual(['theirs']);
  });

  it('takes an adopted directory as it is', async () => {
    await mkdir(world.directory);
    await writeFile(file(), jsonLines([auditEvent({ req_id: 'theirs' })]));
    await adoptAuditDirectory(world.directory);
    const store = await world.open({ backend: 'auto', database: postgres.database });
    await write(store, randomBytes(4).toString('hex'));
    await store.close();
    expect(await inTable()).toHaveLength(1);
    expect(await inFile()).toEqual(['theirs']);
  });
});
