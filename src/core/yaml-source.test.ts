import { describe, expect, it } from 'vitest';
import { readYaml } from './yaml-source.ts';

const faultsOf = (text: string): readonly string[] =>
  readYaml(text, { scalars: 'typed' }).faults.map(
    ({ line, column, message }) => `${line}:${column} ${message}`,
  );

describe('readYaml', () => {
  it('knows the place of every key and value', () => {
    const yaml = readYaml('a:\n  - b: 1\n    c: [x, "y z"]\n', { scalars: 'typed' });
    expect(yaml.value).toEqual({ a: [{ b: 1, c: ['x', 'y z'] }] });
    expect(yaml.keyPosition(['a'])).toEqual({ line: 1, column: 1 });
    expect(yaml.keyPosition(['a', '0', 'c'])).toEqual({ line: 3, column: 5 });
    expect(yaml.valuePosition(['a', '0', 'c', '1'])).toEqual({ line: 3, column: 12 });
  });

  it('points at the nearest key above what is missing', () => {
    const yaml = readYaml('# first\na:\n  b: {}\n', { scalars: 'typed' });
    expect(yaml.keyPosition(['a', 'b', 'c', 'd'])).toEqual({ line: 3, column: 3 });
    expect(yaml.valuePosition(['a', 'z'])).toEqual({ line: 2, column: 1 });
    expect(yaml.keyPosition(['z'])).toEqual({ line: 2, column: 1 });
  });

  it('follows an alias to the place that must be changed', () => {
    const yaml = readYaml('a: &x\n  b: 1\nc: *x\n', { scalars: 'typed' });
    expect(yaml.value).toEqual({ a: { b: 1 }, c: { b: 1 } });
    expect(yaml.valuePosition(['c', 'b'])).toEqual({ line: 2, column: 6 });
  });

  it('leaves scalars as they are written when asked to', () => {
    expect(readYaml('a: 007\nb: 1e3\nc: ~\nd:\n', { scalars: 'text' }).value).toEqual({
      a: '007',
      b: '1e3',
      c: '~',
      d: '',
    });
  });

  it('lists several faults at once and goes on where the structure is clear', () => {
    const text = 'a: 1\na: 2\nb: !x 3\n';
    expect(faultsOf(text)).toEqual([
      '2:1 the key a stands here a second time',
      '3:4 tags are not accepted; write the plain value',
    ]);
    expect(readYaml(text, { scalars: 'typed' }).value).not.toBeUndefined();
  });

  it.each(['a: "hunter2\nb: 1', 'a: @hunter2', 'a: [hunter2', '*hunter2', 'a: hunter2: b'])(
    'does not quote the text in a fault of %j',
    (text) => {
      expect(faultsOf(text)).not.toEqual([]);
      expect(faultsOf(text).join()).not.toContain('hunter2');
    },
  );

  it('refuses aliases that multiply', () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const items = Array.from({ length: 9 }, () => (level === 0 ? 'x' : `*l${level - 1}`));
      return `l${level}: &l${level} [${items.join(', ')}]`;
    });
    expect(faultsOf(levels.join('\n'))).toEqual(['1:1 aliases stand for more than 20000 values']);
  });

  it('takes a key such as __proto__ as a key like any other', () => {
    const { value } = readYaml('__proto__: { polluted: true }\n', { scalars: 'typed' });
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
