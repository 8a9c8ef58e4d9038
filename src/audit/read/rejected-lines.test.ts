import { appendFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { auditEvent, jsonLines } from '#test/support/audit-events';
import { FROM, numberedEvent, TO, useAuditFiles } from '#test/support/audit-files-world';

const world = useAuditFiles();
const { withView, countCalls, dayFile } = world;
const event = numberedEvent;

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
