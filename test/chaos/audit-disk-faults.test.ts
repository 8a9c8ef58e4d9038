import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ScriptProcess, startScript } from '../support/child-process.ts';
import { createTestDatabase } from '../support/postgres.ts';

const WRITER = 'test/support/audit-writer-process.ts';
const DAYS = ['2026-11-04', '2026-11-05'];
const MANY = '1000000';

let root: string;
let writers: ScriptProcess[];

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-audit-disk-'));
  writers = [];
});
afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.kill9()));
  await rm(root, { recursive: true, force: true });
});

const start = async (
  prefix: string,
  options: { readonly total?: string; readonly dsn?: string } = {},
): Promise<ScriptProcess> => {
  const backend = options.dsn === undefined ? 'jsonl' : 'auto';
  const writer = startScript(WRITER, [
    root,
    options.dsn ?? '',
    backend,
    prefix,
    options.total ?? MANY,
  ]);
  writers.push(writer);
  expect(await writer.nextMessage()).toEqual({ ready: true });
  return writer;
};

const hear = async (
  writer: ScriptProcess,
  isIt: (message: Readonly<Record<string, unknown>>) => boolean,
): Promise<Readonly<Record<string, unknown>>> => {
  for (;;) {
    const message = await writer.nextMessage();
    if (isIt(message)) return message;
  }
};

/** Every complete line of the daily files; throws for one that is no JSON. */
const readIds = async (): Promise<readonly string[]> => {
  const texts = await Promise.all(
    DAYS.map((day) =>
      readFile(path.join(root, 'audit', `tool_audit_${day}.jsonl`), 'utf8').catch(() => ''),
    ),
  );
  for (const text of texts) expect(text === '' || text.endsWith('\n')).toBe(true);
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { req_id: string }).req_id);
};

const expectOnce = (ids: readonly string[], prefix: string, count: number): void => {
  const own = ids.filter((id) => id.startsWith(`${prefix}-`));

  const stored = new Set(own);
  const missing = Array.from({ length: count }, (_, n) => `${prefix}-${n}`).filter(
    (id) => !stored.has(id),
  );
  expect(missing).toEqual([]);
  expect(stored.size).toBe(own.length);
};

/** A file of this process may not grow beyond it: to a writer the same as a disk that is full, partial write included. */
const limitFileSize = (pid: number, bytes: number | 'unlimited'): void => {
  const { status, stderr } = spawnSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}:unlimited`]);
  expect(status, String(stderr)).toBe(0);
};

describe('an audit directory that takes nothing more', () => {
  it('refuses events, tears no line, and goes on where it stopped', async () => {
    const writer = await start('full');
    limitFileSize(writer.pid, 200_001);
    const failed = await hear(writer, ({ failure }) => failure !== undefined);
    expect(failed).toMatchObject({ ok: false, blocks: 'changes' });
    expect(String(failed['failure'])).toMatch(/full/);
    const refused = await hear(writer, ({ refused }) => refused !== '');
    expect(String(refused['refused'])).toMatch(/full.*\((EFBIG|ENOSPC)\)/);
    await readIds();
    const sizes = await Promise.all(
      DAYS.map((day) =>
        stat(path.join(root, 'audit', `tool_audit_${day}.jsonl`)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(200_001);

    limitFileSize(writer.pid, 'unlimited');
    const { flushed } = await hear(writer, (message) => Number(message['flushed'] ?? 0) > 5_000);
    expect(await writer.finish()).toBe(0);
    expectOnce(await readIds(), 'full', Number(flushed));
  });
});

describe('several writers of one audit directory', () => {
  it('keep whole lines of each, although one of them is killed', async () => {
    const [one, two, three] = await Promise.all([start('one'), start('two'), start('three')]);
    const dead = await hear(three, (message) => Number(message['flushed'] ?? 0) >= 4_000);
    await three.kill9();
    const first = await hear(one, (message) => Number(message['flushed'] ?? 0) >= 8_000);
    const second = await hear(two, (message) => Number(message['flushed'] ?? 0) >= 8_000);
    expect(await one.finish()).toBe(0);
    expect(await two.finish()).toBe(0);
    const ids = await readIds();
    expectOnce(ids, 'one', Number(first['flushed']));
    expectOnce(ids, 'two', Number(second['flushed']));
    expectOnce(ids, 'three', Number(dead['flushed']));
  });

  it('forward each event once, and take over from one that is killed', async () => {
    const { dsn, database, drop } = await createTestDatabase();
    try {
      const [one, two] = await Promise.all([start('one', { dsn }), start('two', { dsn })]);
      const dead = await hear(one, (message) => Number(message['flushed'] ?? 0) >= 6_000);
      await one.kill9();
      const { flushed } = await hear(two, (message) => Number(message['flushed'] ?? 0) >= 10_000);
      await two.kill9();
      const last = await start('last', { dsn, total: '0' });
      await hear(last, ({ done }) => done === true);
      expect(await last.finish()).toBe(0);
      const rows = await database.query<{ req_id: string }>('SELECT req_id FROM tool_audit_events');
      const ids = rows.map(({ req_id }) => req_id);
      expectOnce(ids, 'one', Number(dead['flushed']));
      expectOnce(ids, 'two', Number(flushed));
      expect(await readIds()).toEqual([]);
    } finally {
      await Promise.all(writers.map((writer) => writer.kill9()));
      await drop();
    }
  });

  it('keep the spool small under constant load, and lose nothing by it', async () => {
    const { dsn, database, drop } = await createTestDatabase();
    const total = 350_000;
    try {
      const writer = await start('steady', { dsn, total: String(total) });
      let biggestBytes = 0;
      let isCut = false;
      for (let lastBytes = 0, isDone = false; !isDone; ) {
        isDone = (await writer.nextMessage())['done'] === true;
        const { size } = await stat(path.join(root, 'audit', 'tool_audit_2026-11-05.jsonl')).catch(
          () => ({ size: 0 }),
        );
        isCut ||= size < lastBytes;
        lastBytes = size;
        biggestBytes = Math.max(biggestBytes, size);
      }
      expect(await writer.finish()).toBe(0);
      expect(isCut).toBe(true);
      expect(biggestBytes).toBeLessThan(100 * 1024 * 1024);
      const rows = await database.query<{ events: number; ids: number }>(
        'SELECT count(*) AS events, count(DISTINCT req_id) AS ids FROM tool_audit_events',
      );
      expect(rows).toEqual([{ events: total, ids: total }]);
    } finally {
      await Promise.all(writers.map((each) => each.kill9()));
      await drop();
    }
  });
});
