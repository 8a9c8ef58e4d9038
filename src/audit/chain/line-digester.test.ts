import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineDigester, timeOfJsonLine } from './line-digester.ts';

const digestOf = (chunks: readonly Buffer[]) => {
  const digester = new LineDigester(timeOfJsonLine);
  for (const chunk of chunks) digester.add(chunk);
  return { bytes: digester.bytes, torn: digester.tornBytes, ...digester.digest() };
};

const ofText = (text: string) => digestOf([Buffer.from(text)]);

const textOf = (count: number, changed = -1): string =>
  Array.from({ length: count }, (_, n) => `${n === changed ? 'x' : ''}${n}\n`).join('');

describe('digesting lines', () => {
  it('does not depend on how the bytes come', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        (bytes, cuts) => {
          // Newlines often enough for lines, torn ends and empty lines.
          const content = Buffer.from(bytes.map((byte) => (byte % 5 === 0 ? 10 : byte)));
          const places = [0, ...cuts.sort((a, b) => a - b), content.length];
          const chunks = places.slice(1).map((end, n) => content.subarray(places[n] ?? 0, end));
          const whole = digestOf([content]);
          expect(digestOf(chunks)).toEqual(whole);
          const end = content.lastIndexOf(10) + 1;
          const lines = createHash('sha256').update(content.subarray(0, end)).digest('hex');
          expect(whole).toMatchObject({ sha256: lines, bytes: end, torn: content.length - end });
        },
      ),
    );
  });

  it.each([
    [0, 0],
    [999, 0],
    [1000, 1],
    [2499, 2],
  ])('places a change of line %i in block %i', (line, block) => {
    const [before, after] = [ofText(textOf(2500)), ofText(textOf(2500, line))];
    expect(before.blocks).toHaveLength(3);
    const differing = before.blocks.flatMap((hash, n) => (hash === after.blocks[n] ? [] : [n]));
    expect(differing).toEqual([block]);
  });

  it('tells a changed order from changed lines', () => {
    const [one, other, changed] = [ofText('a\nb\nb\n'), ofText('b\na\nb\n'), ofText('a\nb\na\n')];
    expect(one.sha256).not.toBe(other.sha256);
    expect(one.order_free).toBe(other.order_free);
    expect(one.order_free).not.toBe(changed.order_free);
  });

  it('finds the earliest and the latest time whatever their order and offset', () => {
    const lines = [
      '{"ts":"2026-11-04T12:00:00+02:00"}',
      '{"tool":"t","ts": "2026-11-04T10:30:00"}',
      '{"ts":"2026-11-04T09:59:59.999Z"}',
      '{"ts":"never and a day, at least"}',
      'not json',
    ];
    expect(ofText(`${lines.join('\n')}\n`)).toMatchObject({
      count: 5,
      first_ts: '2026-11-04T09:59:59.999Z',
      last_ts: '2026-11-04T10:30:00',
    });
    expect(ofText('')).toMatchObject({ count: 0, first_ts: null, last_line: null, blocks: [] });
  });
});
