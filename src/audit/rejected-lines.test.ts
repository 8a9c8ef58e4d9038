import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditEvent, jsonLines } from '#test/support/audit-events';
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

describe('lines that are not events', () => {
  it('counts the good lines and names each bad one with file, line and reason', async () => {
    const { tool: _tool, ...withoutTool } = auditEvent();
    const good = JSON.stringify(event(1));
    await writeFile(
      dayFile(),
      Buffer.concat([
        Buffer.from(`${good}\n\nnot json\n[1]\n5\n`),
        Buffer.from(`${JSON.stringify(withoutTool)}\n`),
        Buffer.from(`${JSON.stringify(event(2, { duration_ms: '12' }))}\n`),
        Buffer.from(`${JSON.stringify(event(3, { tool: 7 }))}\n`),
        Buffer.from(`${JSON.stringify(event(4, { duration_ms: -1 }))}\n`),
        Buffer.from(`${JSON.stringify(event(5, { ts: 'yesterday at some time' }))}\n`),
        Buffer.from([0x7b, 0xff, 0xfe, 0x0a]),
        Buffer.from(`{"a":"\u0001"}\n`),
        Buffer.from(`{"pad":"${'x'.repeat(1_100_000)}"}\n`),
        Buffer.from(`${good.replace('req-1', 'req-6')}\r\n`),
        Buffer.from(good),
      ]),
    );
    await withView(async (view) => {
      expect((await view.aggregate({ from: FROM, to: TO, groupBy: [] }))[0]?.calls).toBe(2);
      expect(view.quality.partial).toBe(false);
      expect(view.quality.rejectedCount).toBe(12);
      expect(view.quality.rejected).toEqual(
        [
          [3, 'is not a JSON object'],
          [4, 'is not a JSON object'],
          [5, 'is not a JSON object'],
          [6, 'tool is missing'],
          [7, 'duration_ms is not a number'],
          [8, 'tool is not a string'],
          [9, 'duration_ms is out of range'],
          [10, 'ts is not a time'],
          [11, 'is not valid UTF-8'],
          [12, 'holds a raw control character'],
          [13, 'is longer than 1048576 bytes'],
          [15, 'has no newline at its end (torn)'],
        ].map(([line, reason]) => ({ file: 'tool_audit_2026-11-04.jsonl', line, reason })),
      );
    });
  });

  it('numbers bad lines of a file that needs no copy', async () => {
    await writeFile(dayFile(), `${jsonLines([event(1)])}{"half": \n\n${jsonLines([event(2)])}`);
    await withView(async (view) => {
      expect(view.quality.rejected).toEqual([
        { file: 'tool_audit_2026-11-04.jsonl', line: 2, reason: 'is not a JSON object' },
      ]);
    });
    expect(await countCalls()).toBe(2);
  });

  it('says the same of bad lines whatever is appended after the range', async () => {
    const before = jsonLines([event(1)]);
    await writeFile(dayFile('2026-11-04'), `${before}garbage\n`);
    const to = new Date('2026-11-04T13:00:00Z');
    const rejected = () => withView(async (view) => view.quality.rejectedCount, { to });
    expect(await rejected()).toBe(1);
    const late = jsonLines([event(2, { ts: '2026-11-04T14:00:00Z' })]);
    await appendFile(
      dayFile(),
      `${late}more garbage\n{"ts":"2026-11-04T14:10:00Z","tool":5}\n{"ts":"2026-11-04T14:11:00Z","to`,
    );
    expect(await rejected()).toBe(1);
  });
});
