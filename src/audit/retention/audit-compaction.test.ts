import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAnalyticsSession } from '#storage/duckdb/analytics-session';
import { NIGHT } from '#test/support/audit-chain-world';
import {
  auditEvent,
  jsonLines,
  writeJsonlDays,
  writeParquetDays,
} from '#test/support/audit-events';
import { useAuditChain } from '#test/support/use-audit-chain';
import { AUDIT_MARKER } from '../files/audit-directory.ts';

const held = useAuditChain();
const signal = new AbortController().signal;

const DAY = '2026-11-10';

const eventsOf = (ids: readonly string[]) =>
  ids.map((id, n) => auditEvent({ ts: `${DAY}T10:00:0${9 - n}.000Z`, req_id: id }));

const append = (text: string): Promise<void> =>
  writeFile(held.world.dayFile(DAY), text, { flag: 'a' });

/** What the day's Parquet file holds, in its order. */
const parquetRows = async (
  columns = 'req_id',
  file = held.world.parquetFile(DAY),
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const session = await openAnalyticsSession({
    tempDir: path.join(held.world.root, 'tmp'),
    signal,
  });
  try {
    return await session.rows(`SELECT ${columns} FROM read_parquet($1)`, [file]);
  } finally {
    await session.close();
  }
};

const ids = async (): Promise<readonly unknown[]> =>
  (await parquetRows()).map(({ req_id }) => req_id);

describe('compaction', () => {
  it('keeps the order of the lines, every field, and repeated events as often as they are', async () => {
    await append(jsonLines(eventsOf(['c', 'a', 'b', 'a'])));
    await append(
      jsonLines([
        auditEvent({
          ts: `${DAY}T23:59:59.123456+01:00`,
          req_id: 'ü "x"',
          status: 'weird',
          duration_ms: 2.5,
          graph_node: 'n',
        }),
      ]),
    );
    expect(await held.world.compact()).toMatchObject({ compactedDays: 1, events: 5, kept: [] });
    expect(await ids()).toEqual(['c', 'a', 'b', 'a', 'ü "x"']);
    const rows = await parquetRows('* REPLACE (epoch_us(ts)::VARCHAR AS ts)');
    expect(rows.at(-1)).toEqual({
      ts: String(Date.parse('2026-11-10T22:59:59.123Z') * 1000 + 456),
      req_id: 'ü "x"',
      workspace_id: 'w1',
      user_id: 'u1',
      agent_id: 'a1',
      tool: 'search',
      action: 'call',
      status: 'weird',
      duration_ms: 3,
      in_size: 10,
      out_size: 20,
      input_hash: '00ff',
      graph_run_id: null,
      graph_node: 'n',
      job_id: null,
    });
  });

  it('takes governance names, and sizes that are no whole numbers as they are', async () => {
    const { in_size: _in, out_size: _out, ...event } = auditEvent({ ts: `${DAY}T10:00:00Z` });
    await append(jsonLines([{ ...event, input_chars: 7, output_size_bytes: 1.5 }]));
    expect(await held.world.compact()).toMatchObject({ compactedDays: 1, kept: [] });
    expect(await parquetRows('in_size, out_size')).toEqual([{ in_size: 7, out_size: '1.5' }]);
  });

  it('leaves bad lines in the lines, which are then kept compressed', async () => {
    await append(jsonLines(eventsOf(['a', 'b'])));
    await append('{"ts":"2026-11-10T10:00:00Z"}\nnot json\n');
    await writeFile(held.world.dayFile(DAY), Buffer.from([0x7b, 0xff, 0x0a]), { flag: 'a' });
    expect(await held.world.compact()).toMatchObject({ compactedDays: 1, events: 2, kept: [] });
    expect(await held.world.age(5)).toMatchObject({ deletedFiles: 0, compressedFiles: 1 });
    expect((await held.world.age(5)).kept).toEqual([
      {
        what: `tool_audit_${DAY}.jsonl.gz`,
        reason: '3 of its lines are not events and are kept nowhere else',
      },
    ]);
    expect(await held.world.age(5, { parquetDays: 8 })).toMatchObject({
      deletedFiles: 2,
      kept: [],
    });
    expect((await held.world.verifySource('jsonl')).damages).toEqual([]);
    expect(await held.world.compact()).toMatchObject({ compactedDays: 0 });
  });

  it('adds late events to a day whose lines are gone already', async () => {
    await append(jsonLines(eventsOf(['a', 'b'])));
    await held.world.compact();
    await held.world.age(5);
    expect(await readdir(held.world.directory)).not.toContain(`tool_audit_${DAY}.jsonl`);
    await append(jsonLines(eventsOf(['late', 'b'])));
    expect(await held.world.compact()).toMatchObject({
      closed: { lateDigests: 1 },
      compactedDays: 1,
      events: 3,
    });
    // The same event in both forms of a day is one event, as readers see it.
    expect(await ids()).toEqual(['a', 'b', 'late']);
    expect(await held.world.age(5)).toMatchObject({ deletedFiles: 1, kept: [] });
    await rm(held.world.parquetFile(DAY));
    expect((await held.world.verifySource('jsonl')).damages).toMatchObject([
      { day: DAY, kind: 'lost', detail: 'the Parquet file with 3 events is gone' },
    ]);
  });

  it('never loses what only somebody else’s Parquet file holds', async () => {
    const [a, b, c] = eventsOf(['a', 'b', 'c']);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three events');
    await writeParquetDays(held.world.directory, [a, b]);
    await append(jsonLines([b, c]));
    expect(await held.world.compact()).toMatchObject({ compactedDays: 1, events: 3 });
    expect(await ids()).toEqual(['a', 'b', 'c']);
    expect((await held.world.verifySource('jsonl')).damages).toEqual([]);
  });

  it('guards Parquet files that were there before, with or without lines', async () => {
    await writeParquetDays(held.world.directory, eventsOf(['a']));
    await held.world.age();
    await rm(held.world.parquetFile(DAY));
    expect((await held.world.verifySource('jsonl')).damages).toMatchObject([
      { day: DAY, kind: 'lost' },
    ]);
  });

  it('leaves a day that is not as it was digested, and goes on with the next', async () => {
    await writeJsonlDays(held.world.directory, [
      ...eventsOf(['a', 'b']),
      auditEvent({ ts: '2026-11-11T10:00:00Z' }),
    ]);
    await held.world.age();
    await writeFile(held.world.dayFile(DAY), jsonLines(eventsOf(['a'])));
    const outcome = await held.world.compact();
    expect(outcome).toMatchObject({ compactedDays: 1, kept: [{ what: DAY }] });
    expect(outcome.kept[0]?.reason).toContain('truncated');
    expect(await readdir(path.join(held.world.directory, 'compact'))).toEqual([
      'tool_audit_2026-11-11.parquet',
    ]);
    expect((await held.world.age(5)).kept[0]?.reason).toContain('truncated');
    expect(await readFile(held.world.dayFile(DAY), 'utf8')).toBe(jsonLines(eventsOf(['a'])));
  });

  it('writes a copy elsewhere without the chain speaking of it', async () => {
    await append(jsonLines(eventsOf(['a'])));
    const { createAuditCompaction } = await import('./audit-compaction.ts');
    const output = path.join(held.world.root, 'export');
    const compaction = createAuditCompaction({ ...held.world.access, output });
    await compaction.compact({ now: NIGHT, signal });
    expect(await parquetRows('req_id', path.join(output, `tool_audit_${DAY}.parquet`))).toEqual([
      { req_id: 'a' },
    ]);
    expect((await held.world.digestNames('jsonl')).join(' ')).not.toContain('compacted');
    expect(await held.world.age(5)).toMatchObject({ deletedFiles: 0, compressedFiles: 1 });
  });

  it('touches nothing in a directory that is not marked as ours', async () => {
    await rm(path.join(held.world.directory, AUDIT_MARKER));
    await append(jsonLines(eventsOf(['a'])));
    const outcome = await held.world.compact();
    expect(outcome.kept[0]?.reason).toContain('opsloop audit adopt');
    expect(await readdir(held.world.directory)).toEqual([`tool_audit_${DAY}.jsonl`]);
  });
});
