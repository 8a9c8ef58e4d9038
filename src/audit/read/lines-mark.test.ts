import { appendFile, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { auditEvent, jsonLines } from '#test/support/audit-events';
import { useAuditChain } from '#test/support/use-audit-chain';
import { createJsonlAuditReader } from './jsonl-audit-reader.ts';

const held = useAuditChain();

const DAY = '2026-11-10';
const RANGE = { from: new Date(`${DAY}T00:00:00Z`), to: new Date('2026-11-11T00:00:00Z') };
const CHANGED_AT = new Date('2026-11-11T01:00:00Z');

const events = Array.from({ length: 60 }, (_, n) =>
  auditEvent({
    ts: `${DAY}T${String(n % 24).padStart(2, '0')}:00:00.000Z`,
    req_id: `r${n % 50}`,
    tool: `t${n % 3}`,
    status: ['pass', 'ERROR', 'blocked', 'odd'][n % 4] ?? 'pass',
    duration_ms: n * 7,
  }),
);

const linesFile = (suffix = 'jsonl') => held.world.dayFile(DAY, suffix);

const writeLines = async (text: string | Uint8Array, suffix = 'jsonl'): Promise<void> => {
  await writeFile(linesFile(suffix), text);
  await utimes(linesFile(suffix), CHANGED_AT, CHANGED_AT);
};

/** The same size and time of change, and no event in it: who reads it sees that. */
const garble = async (suffix = 'jsonl'): Promise<void> => {
  const { length } = await readFile(linesFile(suffix));
  await writeLines(Buffer.alloc(length, '-'), suffix);
};

const read = async () => {
  const reader = createJsonlAuditReader({
    directory: held.world.directory,
    whenMissing: 'fail',
    tempDir: path.join(held.world.root, 'tmp'),
  });
  const view = await reader.open({ ...RANGE, signal: new AbortController().signal });
  try {
    const rows = await view.aggregate({
      ...RANGE,
      groupBy: ['tool', 'status'],
      bucketMs: 3_600_000,
      withP95: true,
    });
    return { rows, quality: view.quality };
  } finally {
    await view.close();
  }
};

const callsOf = ({ rows }: Awaited<ReturnType<typeof read>>): number =>
  rows.reduce((sum, { calls }) => sum + calls, 0);

describe('a day of lines and of Parquet', () => {
  it('is told by Parquet alone while the lines are those it was made of', async () => {
    await writeLines(jsonLines(events));
    const fromLines = await read();
    expect(await held.world.compact()).toMatchObject({ compactedDays: 1 });
    expect(await read()).toEqual(fromLines);
    await garble();
    expect(await read()).toEqual(fromLines);
    expect(callsOf(fromLines)).toBe(60);
  });

  it('is told by Parquet alone while the archive is the one it was made of', async () => {
    await writeLines(gzipSync(jsonLines(events)), 'jsonl.gz');
    const fromArchive = await read();
    expect(await held.world.compact()).toMatchObject({ compactedDays: 1 });
    await garble('jsonl.gz');
    expect(await read()).toEqual(fromArchive);
  });

  it('counts a line that came late', async () => {
    await writeLines(jsonLines(events));
    await held.world.compact();
    await appendFile(linesFile(), jsonLines([auditEvent({ ts: `${DAY}T12:00:00Z` })]));
    expect(callsOf(await read())).toBe(61);
  });

  it('is read line by line once the lines were changed in place', async () => {
    await writeLines(jsonLines(events));
    await held.world.compact();
    await garble();
    const later = new Date(CHANGED_AT.getTime() + 1000);
    await utimes(linesFile(), later, later);
    const { quality } = await read();
    expect(quality.rejectedCount).toBeGreaterThan(0);
  });

  it('goes on to tell lines that are not events', async () => {
    await writeLines(`${jsonLines(events)}{"ts": "no event"}\n`);
    const fromLines = await read();
    await held.world.compact();
    const both = await read();
    expect(both).toEqual(fromLines);
    expect(both.quality.rejected).toMatchObject([{ file: `tool_audit_${DAY}.jsonl`, line: 61 }]);
  });

  it('goes on to tell bytes that are not text', async () => {
    await writeLines(
      Buffer.concat([Buffer.from(jsonLines(events)), Buffer.from([0xff, 0xfe, 0x0a])]),
    );
    await held.world.compact();
    expect((await read()).quality.rejectedCount).toBe(1);
  });

  it('is compared event by event when it has three forms', async () => {
    await writeLines(jsonLines(events));
    await held.world.compact();
    await writeLines(gzipSync(jsonLines([auditEvent({ ts: `${DAY}T12:00:00Z` })])), 'jsonl.gz');
    expect(callsOf(await read())).toBe(61);
  });

  it.each([0.1, 0.3, 0.5])(
    'is read from the lines when the marked Parquet file is damaged at %s of it',
    async (at) => {
      await writeLines(jsonLines(events));
      await held.world.compact();
      const parquet = held.world.parquetFile(DAY);
      const bytes = await readFile(parquet);
      const from = Math.floor(bytes.length * at);
      await writeFile(parquet, bytes.fill(0, from, from + Math.ceil(bytes.length / 10)));
      const { rows, quality } = await read();
      expect(quality.problems).toEqual([
        `compact/tool_audit_${DAY}.parquet cannot be read as Parquet; it was left out.`,
      ]);
      expect(rows.reduce((sum, { calls }) => sum + calls, 0)).toBe(60);
    },
  );
});
