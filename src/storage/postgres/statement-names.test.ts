import { expect, it } from 'vitest';
import { StatementNames } from './statement-names.ts';

const times = (names: StatementNames, text: string, count: number): (string | undefined)[] =>
  Array.from({ length: count }, () => names.nameOf(text));

it('names a statement from its third execution on, each by its text', () => {
  const names = new StatementNames();
  const [first, second, third, fourth] = times(names, 'SELECT a FROM t WHERE b = $1', 4);
  expect([first, second]).toEqual([undefined, undefined]);
  expect(third).toMatch(/^opsloop_[0-9a-f]{24}$/);
  expect(fourth).toBe(third);
  expect(times(names, 'SELECT a FROM t WHERE c = $1', 3)[2]).not.toBe(third);
});

it('names no statement whose columns a migration may change', () => {
  const names = new StatementNames();
  expect(times(names, 'SELECT * FROM t WHERE b = $1', 9).at(-1)).toBeUndefined();
  expect(times(names, 'DELETE FROM t WHERE b = $1 RETURNING *', 9).at(-1)).toBeUndefined();
});

it('forgets to name what comes after many others, and goes on naming those', () => {
  const names = new StatementNames();
  for (let n = 0; n < 500; n += 1) names.nameOf(`SELECT ${n} + $1`);
  expect(times(names, 'SELECT 500 + $1', 9).at(-1)).toBeUndefined();
  expect(times(names, 'SELECT 7 + $1', 2).at(-1)).toMatch(/^opsloop_/);
});
