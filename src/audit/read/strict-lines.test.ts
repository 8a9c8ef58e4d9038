import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { jsonLines } from '#test/support/audit-events';
import { FROM, numberedEvent, TO, useAuditFiles } from '#test/support/audit-files-world';

const world = useAuditFiles();
const { withView, countCalls, dayFile } = world;

/** More lines than a session learns its words from. */
const MANY = 50_000;
const manyLines = jsonLines([numberedEvent(1)]).repeat(MANY);

const toolsOf = () =>
  withView(async (view) =>
    (await view.aggregate({ from: FROM, to: TO, groupBy: ['tool'] })).map(({ key, calls }) => [
      key.tool,
      calls,
    ]),
  );

describe('files in which every line is an event', () => {
  it('count what is written in several ways as one', async () => {
    const plain = JSON.stringify(numberedEvent(1, { tool: 'Ж' }));
    const escaped = plain.replace('Ж', '\\u0416');
    const quoted = JSON.stringify(numberedEvent(2, { tool: 'say "hi" \\ \t' }));
    await writeFile(dayFile(), `${plain}\n${escaped}\n${quoted}\n`);
    expect(await toolsOf()).toEqual([
      ['say "hi" \\ \t', 1],
      ['Ж', 2],
    ]);
  });

  it('tell a number from the text of a number', async () => {
    const text = jsonLines([numberedEvent(1, { user_id: '42' })]);
    await writeFile(dayFile(), text + text.replace('"42"', '42'));
    await withView(async (view) => {
      expect(view.quality.rejected).toEqual([
        { file: 'tool_audit_2026-11-04.jsonl', line: 2, reason: 'user_id is not a string' },
      ]);
      const users = await view.aggregate({ from: FROM, to: TO, groupBy: ['user_id'] });
      expect(users.map(({ key, calls }) => [key.user_id, calls])).toEqual([['42', 1]]);
    });
  });

  it.each([
    ['null for a name', { tool: null }, 'tool is missing'],
    ['a duration as text', { duration_ms: '12' }, 'duration_ms is not a number'],
    ['a time as a number', { ts: 1_762_257_600_000 }, 'ts is not a string'],
    ['a status that is no text', { status: 1 }, 'status is not a string'],
    ['an object for a name', { agent_id: { id: 'a' } }, 'agent_id is not a string'],
  ])('are no such files with %s', async (_what, wrong, reason) => {
    await writeFile(dayFile(), jsonLines([numberedEvent(1), { ...numberedEvent(2), ...wrong }]));
    await withView(async (view) => {
      expect(view.quality.rejected.map((line) => [line.line, line.reason])).toEqual([[2, reason]]);
    });
    expect(await countCalls()).toBe(1);
  });

  it('may bring values late that the first lines do not have', async () => {
    const late = [
      numberedEvent(1, { user_id: 'late', tool: 'say "hi" \\', status: 'SUCCEEDED' }),
      numberedEvent(2, { user_id: '42', tool: '\u0000', status: 'odd' }),
    ];
    await writeFile(dayFile(), manyLines + jsonLines(late));
    await withView(async (view) => {
      expect(view.quality.rejectedCount).toBe(0);
      const rows = await view.aggregate({
        from: FROM,
        to: TO,
        groupBy: ['user_id', 'tool', 'status'],
      });
      expect(rows.map(({ key, calls }) => [key.user_id, key.tool, key.status, calls])).toEqual([
        ['42', '\u0000', 'other', 1],
        ['late', 'say "hi" \\', 'pass', 1],
        ['u1', 'search', 'pass', MANY],
      ]);
    });
  });

  it.each([
    ['a number for a name', { user_id: 42 }, 'user_id is not a string'],
    ['a truth for a name', { tool: true }, 'tool is not a string'],
    ['a list for a name', { agent_id: ['a'] }, 'agent_id is not a string'],
    ['null for a name', { workspace_id: null }, 'workspace_id is missing'],
    ['a number for a status', { status: 7 }, 'status is not a string'],
  ])('are no such files with %s far behind the first lines', async (_what, wrong, reason) => {
    await writeFile(dayFile(), manyLines + jsonLines([{ ...numberedEvent(2), ...wrong }]));
    await withView(async (view) => {
      expect(view.quality.rejected.map(({ line, reason: why }) => [line, why])).toEqual([
        [MANY + 1, reason],
      ]);
    });
  });

  it('hold no line of more than a mebibyte, although it may be JSON', async () => {
    const long = JSON.stringify(numberedEvent(2, { pad: 'x'.repeat(1_048_576) }));
    const short = JSON.stringify(numberedEvent(3, { pad: 'x'.repeat(1_000_000) }));
    await writeFile(dayFile(), `${jsonLines([numberedEvent(1)])}${long}\n${short}\n`);
    await withView(async (view) => {
      expect(view.quality.rejected.map((line) => [line.line, line.reason])).toEqual([
        [2, 'is longer than 1048576 bytes'],
      ]);
    });
    expect(await countCalls()).toBe(2);
  });

  it('may hold blank lines, and spaces around an event', async () => {
    const line = JSON.stringify(numberedEvent(1));
    await writeFile(dayFile(), `\n  ${line}\n \t \n\f${line}\v\r\n`);
    expect(await countCalls()).toBe(2);
    // The same lines, looked at one by one since one of them is bad.
    await writeFile(dayFile(), `\n  ${line}\n \t \n\f${line}\v\nbad\n`);
    expect(await countCalls()).toBe(2);
  });

  it('answer several questions as they answer each', async () => {
    const events = Array.from({ length: 40 }, (_, n) =>
      numberedEvent(n, { tool: `t${n % 3}`, agent_id: `a${n % 2}`, duration_ms: n * 7 }),
    );
    await writeFile(dayFile(), jsonLines(events));
    await withView(async (view) => {
      const range = { from: FROM, to: TO };
      const questions = [
        { ...range, groupBy: ['tool' as const], withP95: true },
        { ...range, groupBy: ['agent_id' as const], withP95: true },
        { ...range, groupBy: ['agent_id' as const, 'tool' as const], toolsApart: ['t1'] },
        { ...range, groupBy: ['tool' as const], toolsApart: [] },
        { ...range, groupBy: [], bucketMs: 3_600_000 },
        { ...range, groupBy: ['status' as const, 'tool' as const], bucketMs: 3_600_000 },
      ];
      const together = await view.aggregateAll?.(questions);
      const apart = await Promise.all(questions.map((question) => view.aggregate(question)));
      expect(together).toEqual(apart);
      expect(together?.[2]?.map(({ key, calls }) => [key, calls])).toEqual([
        [{ agent_id: 'a0', tool: 't1' }, 6],
        [{ agent_id: 'a0' }, 14],
        [{ agent_id: 'a1', tool: 't1' }, 7],
        [{ agent_id: 'a1' }, 13],
      ]);
    });
  });
});
