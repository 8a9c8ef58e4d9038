import { mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  auditEvent,
  jsonLines,
  writeGzipDays,
  writeJsonlDays,
  writeParquetDays,
} from '#test/support/audit-events';
import { FROM, numberedEvent, TO, useAuditFiles } from '#test/support/audit-files-world';
import { createJsonlAuditReader } from './jsonl-audit-reader.ts';

const world = useAuditFiles();
const { reader, open, withView, countCalls, dayFile } = world;
const event = numberedEvent;

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
    await writeParquetDays(world.directory, early);
    await writeGzipDays(world.directory, early);
    await writeJsonlDays(world.directory, [...early, ...late]);
    expect(await countCalls()).toBe(4);
    await rm(dayFile());
    expect(await countCalls()).toBe(3);
  });

  it('reports a Parquet file that is none, and things that are no files', async () => {
    await mkdir(path.join(world.directory, 'compact'));
    await writeFile(
      path.join(world.directory, 'compact', 'tool_audit_2026-11-04.parquet'),
      'PAR1 no',
    );
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
    await writeFile(path.join(world.directory, 'tool_audit_2026-02-30.jsonl'), 'x\n');
    await writeFile(path.join(world.directory, 'tool_audit_2026-11-04.jsonl.bak'), 'x\n');
    await writeFile(path.join(world.directory, 'rejected-2026-11-04.jsonl'), 'x\n');
    await withView(async (view) => {
      expect(view.quality.rejectedCount).toBe(0);
    });
  });

  it('reads from a directory whose name looks like a pattern', async () => {
    world.directory = path.join(world.root, "it's [a] dir*");
    await writeJsonlDays(world.directory, [auditEvent()]);
    expect(await countCalls()).toBe(1);
  });

  it('refuses a directory that somebody configured and that is missing', async () => {
    world.directory = path.join(world.root, 'absent');
    await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
    const view = await reader('empty').open({
      from: FROM,
      to: TO,
      signal: new AbortController().signal,
    });
    expect(await view.aggregate({ from: FROM, to: TO, groupBy: [] })).toEqual([]);
    await view.close();
    await expect(stat(world.directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('answers an empty range with nothing and a reversed one with an error', async () => {
    await writeJsonlDays(world.directory, [auditEvent()]);
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
    await writeGzipDays(world.directory, [auditEvent()]);
    const before = await stat(world.directory);
    await countCalls();
    expect((await stat(world.directory)).mtimeMs).toBe(before.mtimeMs);
    expect(await readdir(world.directory)).toEqual(['tool_audit_2026-11-04.jsonl.gz']);
    expect(await readdir(world.tempDir)).toEqual([]);
  });

  it('stops when it is told to', async () => {
    await writeJsonlDays(world.directory, [auditEvent()]);
    const stop = new AbortController();
    const view = await reader().open({ from: FROM, to: TO, signal: stop.signal });
    const question = view.aggregate({ from: FROM, to: TO, groupBy: ['tool'], withP95: true });
    stop.abort(new Error('enough'));
    await question.catch(() => undefined);
    await expect(view.aggregate({ from: FROM, to: TO, groupBy: [] })).rejects.toThrow('enough');
    await view.close();
    await view.close();
    expect(await readdir(world.tempDir)).toEqual([]);
  });

  it('adds up the same day of two directories, and neither to a third form of it', async () => {
    const ownDirectory = path.join(world.root, 'own');
    const same = auditEvent();
    await writeJsonlDays(world.directory, [same, auditEvent({ req_id: 'theirs' })]);
    await writeJsonlDays(ownDirectory, [same, auditEvent({ req_id: 'ours' })]);
    const count = async (): Promise<number | undefined> => {
      const { directory, tempDir } = world;
      const both = createJsonlAuditReader({
        directory,
        ownDirectory,
        tempDir,
        whenMissing: 'fail',
      });
      const signal = new AbortController().signal;
      const view = await both.open({ from: FROM, to: TO, signal });
      try {
        return (await view.aggregate({ from: FROM, to: TO, groupBy: [] }))[0]?.calls;
      } finally {
        await view.close();
      }
    };
    expect(await count()).toBe(4);
    await writeParquetDays(world.directory, [same]);
    expect(await count()).toBe(4);
  });

  it('keeps tools apart only where asked', async () => {
    await writeJsonlDays(world.directory, [
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
