import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#core/json';
import { findUnstorable, toStorableJson, toStorableText } from './storable-text.ts';

describe('toStorableText', () => {
  it('replaces what PostgreSQL refuses and keeps the rest', () => {
    expect(toStorableText('a\0b\ud800c\udc00 \ud83d\ude00')).toBe(
      'a\ufffdb\ufffdc\ufffd \ud83d\ude00',
    );
  });

  it('cuts to the length asked for, without leaving half a character', () => {
    expect(toStorableText('abcdef', 4)).toBe('abc…');
    expect(toStorableText('ab\ud83d\ude00cd', 4)).toBe('ab\ufffd…');
    expect(toStorableText('abcd', 4)).toBe('abcd');
  });
});

describe('findUnstorable', () => {
  it.each<[JsonValue, string | null]>([
    [{ a: [{ b: 'x\0' }] }, '$.a[0].b'],
    [{ a: { '\ud800': 1 } }, '$.a'],
    ['\0', '$'],
    [{ a: ['\ud83d\ude00', null, 1] }, null],
  ])('names the place in %j', (value, place) => {
    expect(findUnstorable(value)).toBe(place);
  });

  it('finds nothing in what toStorableJson gave', () => {
    const nasty = fc.string({
      unit: fc.constantFrom('a', '\0', '\ud800', '\udfff', '\ud83d\ude00'),
    });
    const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        nasty,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(nasty, tie('value')),
      ),
    }));
    fc.assert(fc.property(value, (json) => findUnstorable(toStorableJson(json)) === null));
  });
});
