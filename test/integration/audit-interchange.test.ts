import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AUDIT_MARKER } from '#audit/files/audit-directory';
import { auditEvent } from '../support/audit-events.ts';
import { type AuditStoreWorld, makeAuditStoreWorld } from '../support/audit-store-world.ts';

const KEYS = [
  'ts',
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
  'duration_ms',
  'in_size',
  'out_size',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
];

let world: AuditStoreWorld;
beforeEach(async () => {
  world = await makeAuditStoreWorld();
});
afterEach(() => world.end());

/** As the plainest reader of the format does it: one JSON object a line. */
const readPlainly = async (name: string): Promise<readonly Record<string, unknown>[]> => {
  const text = await readFile(path.join(world.directory, name), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

describe('what other systems read of our files', () => {
  it('is one line of the documented keys for each event, in a file of its own day', async () => {
    const store = await world.open({ backend: 'jsonl', fsync: 'always' });
    store.write({ ...auditEvent(), payload: 'secret', tool: 'пошук "x"\n' });
    store.write(auditEvent({ ts: '2026-11-05T00:30:00+02:00', status: 'ok', job_id: 'run_1' }));
    const { in_size: _in, ...governance } = auditEvent({ ts: '2026-11-05 00:31:00.1234567' });
    store.write({ ...governance, input_chars: 3.4 });
    await store.flush();

    const names = (await readdir(world.directory)).sort();
    expect(names).toEqual([
      AUDIT_MARKER,
      '.spool',
      'tool_audit_2026-11-04.jsonl',
      'tool_audit_2026-11-05.jsonl',
    ]);
    const [first] = await readPlainly('tool_audit_2026-11-04.jsonl');
    expect(Object.keys(first ?? {})).toEqual(KEYS);
    expect(first).toEqual(auditEvent({ tool: 'пошук "x"\n' }));
    const late = await readPlainly('tool_audit_2026-11-05.jsonl');
    expect(late.map((line) => Object.keys(line))).toEqual([KEYS, KEYS]);
    expect(late.map((line) => [line['ts'], line['status'], line['in_size']])).toEqual([
      ['2026-11-05T00:30:00+02:00', 'ok', 10],
      ['2026-11-05T00:31:00.123456Z', 'pass', 3],
    ]);
    expect((await stat(world.directory)).mode & 0o777).toBe(0o700);
    for (const name of names.filter((each) => each.endsWith('.jsonl'))) {
      expect((await stat(path.join(world.directory, name))).mode & 0o777).toBe(0o600);
    }
  });

  it('is the same while PostgreSQL is away', async () => {
    const { openDatabase } = await import('#storage/postgres/postgres-database');
    const database = openDatabase({
      dsn: 'postgresql://nobody@127.0.0.1:1/none',
      maxConnections: 1,
      applicationName: 'test',
    });
    const store = await world.open({ backend: 'auto', database });
    store.write(auditEvent());
    await store.flush();
    expect(await readPlainly('tool_audit_2026-11-04.jsonl')).toEqual([auditEvent()]);
    const messages = world.lines.map(({ message }) => message);
    expect(messages).toContain('AuditStore: auto (postgres→jsonl fallback)');
    expect(messages.join('\n')).toMatch(
      /Postgres write failed \(.*\), switching to JSONL fallback/,
    );
    expect(JSON.stringify(world.lines)).not.toMatch(/nobody|127\.0\.0\.1/);
  });
});

describe('files of another writer', () => {
  it('are read with spaces, escapes, offsets, fractions and without what is optional', async () => {
    await mkdir(world.directory);
    await writeFile(
      path.join(world.directory, 'tool_audit_2026-11-04.jsonl'),
      [
        '{"ts": "2026-11-04T12:00:00+02:00", "req_id": "r1", "workspace_id": "w", "user_id": "\\u043f\\u0440", "agent_id": "a", "tool": "t", "action": "go", "status": "succeeded", "duration_ms": 12.6, "in_size": 1, "out_size": 2, "input_hash": "ab"}',
        '{"status": "blocked", "tool": "t", "ts": "2026-11-04T10:30:00.123456", "workspace_id": "w", "user_id": "u", "agent_id": "a", "duration_ms": 7, "extra": {"x": 1}}',
        '',
        'not json',
        '{"ts": "2026-11-04T10:31:00Z", "workspace_id": "w", "user_id": "u", "agent_id": "a", "tool": "t", "status": "pass"}',
        '{"ts": "2026-11-04T10:32:00Z", "torn": ',
      ].join('\n'),
    );
    const store = await world.open({ backend: 'jsonl' });
    const { events, quality } = await store.read({ workspaceId: 'w' });
    expect(
      events.map(({ ts, user_id, status, duration_ms }) => [ts, user_id, status, duration_ms]),
    ).toEqual([
      ['2026-11-04T10:00:00.000Z', 'пр', 'succeeded', 13],
      ['2026-11-04T10:30:00.123456Z', 'u', 'blocked', 7],
    ]);
    expect(quality.rejected.map(({ line, reason }) => [line, reason])).toEqual([
      [4, 'is not a JSON object'],
      [5, 'duration_ms is missing'],
      [6, 'has no newline at its end (torn)'],
    ]);
  });

  it('are never written to; our events lie in the data directory and both are read', async () => {
    await mkdir(world.directory);
    const theirs = `${JSON.stringify(auditEvent({ req_id: 'theirs' }))}\n`;
    const file = path.join(world.directory, 'tool_audit_2026-11-04.jsonl');
    await writeFile(file, theirs);
    const store = await world.open({ backend: 'jsonl' });
    store.write(auditEvent({ req_id: 'ours', ts: '2026-11-04T12:00:01.000Z' }));
    store.write({ ...auditEvent(), tool: 5 });
    await store.flush();
    const { events } = await store.read({});
    expect(events.map(({ req_id }) => req_id)).toEqual(['theirs', 'ours']);
    const range = { from: new Date('2026-11-04T00:00:00Z'), to: new Date('2026-11-05T00:00:00Z') };
    expect((await store.aggregate({ ...range, groupBy: [] })).rows[0]?.calls).toBe(2);
    await store.close();
    expect(await readdir(world.directory)).toEqual(['tool_audit_2026-11-04.jsonl']);
    expect(await readFile(file, 'utf8')).toBe(theirs);
    expect(world.lines.find(({ level }) => level === 'warn')?.message).toMatch(
      /opsloop audit adopt/,
    );
    const own = await readdir(path.join(world.dataDir, 'audit'));
    expect(own).toContain('tool_audit_2026-11-04.jsonl');
    const rejected = own.find((name) => name.startsWith('rejected-')) ?? '';
    const [line] = (await readFile(path.join(world.dataDir, 'audit', rejected), 'utf8')).split(
      '\n',
    );
    expect(JSON.parse(line ?? '')).toEqual({
      at: expect.any(String),
      reason: 'tool is not a string',
      fields: ['tool'],
    });
  });

  it('cannot fill the disk with malformed events', async () => {
    const store = await world.open({ backend: 'jsonl' });
    for (let n = 0; n < 5_000; n += 1) store.write({ tool: `secret-${n}` });
    expect(store.write(auditEvent())).toEqual({ outcome: 'accepted' });
    await store.close();
    const rejected = (await readdir(world.directory)).filter((name) =>
      name.startsWith('rejected-'),
    );
    const texts = await Promise.all(
      rejected.map((name) => readFile(path.join(world.directory, name), 'utf8')),
    );
    const lines = texts.join('').split('\n').slice(0, -1);
    // The flood may straddle a minute.
    expect(lines.length).toBeLessThanOrEqual(123);
    expect(lines.join('\n')).toMatch(/\d+ more rejected events were counted/);
    expect(lines.join('\n')).not.toContain('secret');
    expect(store.health()).toMatchObject({ malformedEvents: 5_000, acceptedEvents: 1 });
    expect(world.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});
