import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  auditEvent,
  jsonLines,
  writeGzipDays,
  writeJsonlDays,
  writeParquetDays,
} from '#test/support/audit-events';
import type { AuditView } from './audit-store.ts';
import { createJsonlAuditReader } from './jsonl-audit-reader.ts';

const FROM = new Date('2026-11-04T00:00:00Z');
const TO = new Date('2026-11-05T00:00:00Z');

let root: string;
let directory: string;
let tempDir: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-audit-'));
  directory = path.join(root, 'audit');
  tempDir = path.join(root, 'tmp');
  await mkdir(directory);
});

afterEach(() => rm(root, { recursive: true, force: true }));

const reader = (whenMissing: 'fail' | 'empty' = 'fail') =>
  createJsonlAuditReader({ directory, whenMissing, tempDir });

const open = (range: { from?: Date; to?: Date } = {}): Promise<AuditView> =>
  reader().open({
    from: range.from ?? FROM,
    to: range.to ?? TO,
    signal: new AbortController().signal,
  });

const withView = async <T>(
  work: (view: AuditView) => Promise<T>,
  range: { from?: Date; to?: Date } = {},
): Promise<T> => {
  const view = await open(range);
  try {
    return await work(view);
  } finally {
    await view.close();
  }
};

const countCalls = (range: { from?: Date; to?: Date } = {}): Promise<number> =>
  withView(async (view) => {
    const [row] = await view.aggregate({
      from: range.from ?? FROM,
      to: range.to ?? TO,
      groupBy: [],
    });
    return row?.calls ?? 0;
  }, range);

const dayFile = (day = '2026-11-04'): string => path.join(directory, `tool_audit_${day}.jsonl`);

const event = (n: number, given: object = {}): object =>
  auditEvent({
    req_id: `req-${n}`,
    ts: `2026-11-04T12:00:${String(n % 60).padStart(2, '0')}.000Z`,
    ...given,
  });

describe('reading audit files', () => {
  it('takes events by their instant, not by the name of the file', async () => {
    await writeFile(
      dayFile('2026-11-05'),
      jsonLines([event(1, { ts: '2026-11-05T00:30:00+02:00' })]),
    );
    await writeFile(
      dayFile('2026-11-03'),
      jsonLines([event(2, { ts: '2026-11-03T23:30:00-02:00' })]),
    );
    await writeFile(
      dayFile('2026-11-04'),
      jsonLines([
        event(3, { ts: '2026-11-04T01:00:00+02:00' }),
        event(4, { ts: '2026-11-04 10:00:00' }),
      ]),
    );
    expect(await countCalls()).toBe(3);
    const evening = {
      from: new Date('2026-11-04T22:00:00Z'),
      to: new Date('2026-11-04T23:00:00Z'),
    };
    expect(await countCalls(evening)).toBe(1);
  });

  it('has a half-open range', async () => {
    await writeFile(
      dayFile(),
      jsonLines([
        event(1, { ts: '2026-11-04T10:00:00Z' }),
        event(2, { ts: '2026-11-04T11:00:00Z' }),
      ]),
    );
    expect(
      await countCalls({
        from: new Date('2026-11-04T10:00:00Z'),
        to: new Date('2026-11-04T11:00:00Z'),
      }),
    ).toBe(1);
  });

  it('reads both namings of sizes, escapes, and synonyms of statuses', async () => {
    const {
      in_size: _in,
      out_size: _out,
      ...bare
    } = auditEvent({
      tool: 'say "hi" \\ ü',
      status: 'Success',
    });
    await writeFile(
      dayFile(),
      jsonLines([
        { ...bare, input_chars: 4, output_size_bytes: 5 },
        event(2, { status: 'blocked' }),
        event(3, { status: 'exception' }),
        event(4, { status: 'timeout' }),
        event(5, { status: 'paused' }),
      ]),
    );
    await withView(async (view) => {
      const rows = await view.aggregate({ from: FROM, to: TO, groupBy: ['status'] });
      expect(rows.map(({ key, failed, denied }) => [key.status, failed, denied])).toEqual([
        ['denied', 0, 1],
        ['error', 1, 0],
        ['other', 0, 0],
        ['pass', 0, 0],
        ['timeout', 1, 0],
      ]);
      const tools = await view.aggregate({ from: FROM, to: TO, groupBy: ['tool'] });
      expect(tools.map((row) => row.key.tool)).toEqual(['say "hi" \\ ü', 'search']);
    });
  });

  it('counts the complete lines of a cut archive and says that it is cut', async () => {
    const lines = Array.from({ length: 3000 }, (_, n) =>
      event(n, { input_hash: `${n}-${n * 7919}` }),
    );
    const whole = gzipSync(jsonLines(lines));
    await writeFile(`${dayFile()}.gz`, whole.subarray(0, Math.floor(whole.length / 2)));
    await withView(async (view) => {
      const [row] = await view.aggregate({ from: FROM, to: TO, groupBy: [] });
      expect(row?.calls).toBeGreaterThan(500);
      expect(row?.calls).toBeLessThan(3000);
      expect(view.quality.partial).toBe(true);
      expect(view.quality.problems).toEqual([
        'tool_audit_2026-11-04.jsonl.gz is cut: its compressed data ends too early; the lines before that count.',
      ]);
    });
  });

  it('tells a wrong checksum', async () => {
    const archive = gzipSync(jsonLines([event(1)]));
    archive.writeUInt32LE((archive.readUInt32LE(archive.length - 8) ^ 1) >>> 0, archive.length - 8);
    await writeFile(`${dayFile()}.gz`, archive);
    await withView(async (view) => {
      expect(view.quality.partial).toBe(true);
      expect(view.quality.problems[0]).toContain('is damaged');
    });
  });

  it('counts no event twice when a day exists in several forms', async () => {
    const early = [
      auditEvent({ req_id: '1' }),
      auditEvent({ req_id: '2' }),
      auditEvent({ req_id: '2' }),
    ];
    const late = [auditEvent({ req_id: '3', graph_node: 'n' })];
    await writeParquetDays(directory, early);
    await writeGzipDays(directory, early);
    await writeJsonlDays(directory, [...early, ...late]);
    expect(await countCalls()).toBe(4);
    await rm(dayFile());
    expect(await countCalls()).toBe(3);
  });

  it('reports a Parquet file that is none, and things that are no files', async () => {
    await mkdir(path.join(directory, 'compact'));
    await writeFile(path.join(directory, 'compact', 'tool_audit_2026-11-04.parquet'), 'PAR1 no');
    await mkdir(dayFile('2026-11-05'));
    await symlink('/nowhere', dayFile('2026-11-03'));
    await withView(async (view) => {
      expect(view.quality.partial).toBe(true);
      expect(view.quality.problems).toEqual([
        'tool_audit_2026-11-03.jsonl is not a file.',
        'compact/tool_audit_2026-11-04.parquet cannot be read as Parquet; it was left out.',
        'tool_audit_2026-11-05.jsonl is not a file.',
      ]);
      expect(await view.aggregate({ from: FROM, to: TO, groupBy: ['tool'] })).toEqual([]);
    });
  });

  it('ignores foreign names and days that do not exist', async () => {
    await writeFile(path.join(directory, 'tool_audit_2026-02-30.jsonl'), 'x\n');
    await writeFile(path.join(directory, 'tool_audit_2026-11-04.jsonl.bak'), 'x\n');
    await writeFile(path.join(directory, 'rejected-2026-11-04.jsonl'), 'x\n');
    await withView(async (view) => {
      expect(view.quality.rejectedCount).toBe(0);
    });
  });

  it('reads from a directory whose name looks like a pattern', async () => {
    directory = path.join(root, "it's [a] dir*");
    await writeJsonlDays(directory, [auditEvent()]);
    expect(await countCalls()).toBe(1);
  });

  it('refuses a directory that somebody configured and that is missing', async () => {
    directory = path.join(root, 'absent');
    await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
    const view = await reader('empty').open({
      from: FROM,
      to: TO,
      signal: new AbortController().signal,
    });
    expect(await view.aggregate({ from: FROM, to: TO, groupBy: [] })).toEqual([]);
    await view.close();
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('answers an empty range with nothing and a reversed one with an error', async () => {
    await writeJsonlDays(directory, [auditEvent()]);
    expect(await countCalls({ from: TO, to: TO })).toBe(0);
    await expect(open({ from: TO, to: FROM })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('refuses a question outside of what was opened', async () => {
    await withView(async (view) => {
      const later = new Date(TO.getTime() + 1);
      await expect(view.aggregate({ from: FROM, to: later, groupBy: [] })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    });
  });

  it('leaves neither the directory changed nor anything of its own behind', async () => {
    await writeGzipDays(directory, [auditEvent()]);
    const before = await stat(directory);
    await countCalls();
    expect((await stat(directory)).mtimeMs).toBe(before.mtimeMs);
    expect(await readdir(directory)).toEqual(['tool_audit_2026-11-04.jsonl.gz']);
    expect(await readdir(tempDir)).toEqual([]);
  });

  it('stops when it is told to', async () => {
    await writeJsonlDays(directory, [auditEvent()]);
    const stop = new AbortController();
    const view = await reader().open({ from: FROM, to: TO, signal: stop.signal });
    const question = view.aggregate({ from: FROM, to: TO, groupBy: ['tool'], withP95: true });
    stop.abort(new Error('enough'));
    await question.catch(() => undefined);
    await expect(view.aggregate({ from: FROM, to: TO, groupBy: [] })).rejects.toThrow('enough');
    await view.close();
    await view.close();
    expect(await readdir(tempDir)).toEqual([]);
  });

  it('keeps tools apart only where asked', async () => {
    await writeJsonlDays(directory, [
      auditEvent({ tool: "o'clock" }),
      auditEvent({ tool: 'b', duration_ms: 1 }),
      auditEvent({ tool: 'c', duration_ms: 2 }),
    ]);
    await withView(async (view) => {
      const rows = await view.aggregate({
        from: FROM,
        to: TO,
        groupBy: ['agent_id', 'tool'],
        toolsApart: ["o'clock"],
      });
      expect(rows.map((row) => [row.key, row.calls, row.durationMsSum])).toEqual([
        [{ agent_id: 'a1', tool: "o'clock" }, 1, 100],
        [{ agent_id: 'a1' }, 2, 3],
      ]);
    });
  });
});
