import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from './json.ts';
import { findUnstorable, storableJson, storableText } from './storable-text.ts';

describe('storableText', () => {
  it('replaces what PostgreSQL refuses and keeps the rest', () => {
    expect(storableText('a\0b\ud800c\udc00 \ud83d\ude00')).toBe(
      'a\ufffdb\ufffdc\ufffd \ud83d\ude00',
    );
  });

  it('cuts to the length asked for, without leaving half a character', () => {
    expect(storableText('abcdef', 4)).toBe('abc…');
    expect(storableText('ab\ud83d\ude00cd', 4)).toBe('ab\ufffd…');
    expect(storableText('abcd', 4)).toBe('abcd');
  });
});

describe('findUnstorable', () => {
  it.each<[JsonValue, readonly string[]]>([
    [{ a: [{ b: 'x\0' }], c: '\ud800' }, ['$.a[0].b', '$.c']],
    [{ a: { '\ud800': 1 } }, ['$.a']],
    ['\0', ['$']],
    [{ a: ['\ud83d\ude00', null, 1] }, []],
  ])('names the places in %j', (value, places) => {
    expect(findUnstorable(value).map(({ path }) => path)).toEqual(places);
  });

  it('finds nothing in what storableJson gave', () => {
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
    fc.assert(fc.property(value, (json) => findUnstorable(storableJson(json)).length === 0));
  });
});
