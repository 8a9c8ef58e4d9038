import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditEvent } from '#test/support/audit-events';
import { checkAuditEvent } from './check-audit-event.ts';
import { copyRow, copyRowOfLine } from './copy-row.ts';
import { eventLine } from './event-line.ts';

const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('a"b', 'back\\slash', '\t', '\u2028', '\u007f', '👋', '\\N', 'null', ''),
  )
  .filter((value) => value.isWellFormed() && !value.includes('\0'));

const event = fc
  .record({
    ts: fc.constantFrom('2026-11-04T12:00:00.000Z', '2026-11-04T12:00:00+02:00'),
    req_id: text,
    workspace_id: text,
    user_id: text,
    agent_id: text,
    tool: text,
    action: text,
    status: text,
    duration_ms: fc.oneof(fc.nat(), fc.constant(2_147_483_647)),
    in_size: fc.nat(),
    out_size: fc.nat(),
    input_hash: text,
    graph_run_id: fc.option(text),
    graph_node: fc.option(text),
    job_id: fc.option(text),
  })
  .map((given) => auditEvent(given));

const ID = '00000000-0000-0000-0000-000000000001';

describe('the line of an event', () => {
  it('is what JSON.stringify writes', () => {
    fc.assert(
      fc.property(event, (each) => {
        expect(eventLine(each)).toBe(`${JSON.stringify(each)}\n`);
      }),
    );
  });

  it('gives the same row whether it is parsed or not', () => {
    fc.assert(
      fc.property(event, (each) => {
        const quick = copyRowOfLine(eventLine(each).trimEnd(), ID);
        if (quick !== undefined) expect(quick).toEqual(copyRow(each, ID));
      }),
    );
    const plain = auditEvent({ job_id: 'run_1' });
    expect(copyRowOfLine(JSON.stringify(plain), ID)).toEqual(copyRow(plain, ID));
  });

  it.each([
    ['a number that no column takes', { duration_ms: 2_147_483_648 }],
    ['a time that is none', { ts: '2026-13-04T12:00:00.000Z' }],
    ['another key', { payload: 'x' }],
  ])('is parsed when it holds %s', (_what, given) => {
    expect(copyRowOfLine(JSON.stringify({ ...auditEvent(), ...given }), ID)).toBeUndefined();
  });

  it('holds no more than the documented fields of what was handed over', () => {
    const checked = checkAuditEvent({ payload: 'p', ...auditEvent(), prompt: 'p' });
    expect(checked).toEqual({ ok: true, event: auditEvent() });
  });
});
