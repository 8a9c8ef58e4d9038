import { describe, expect, it } from 'vitest';
import { formatDuration, formatInstant, formatTable, plainText } from './terminal-text.ts';

describe('plainText', () => {
  it.each([
    ['a colour', '\u001b[31mred\u001b[0m', 'red'],
    ['a cleared screen', 'a\u001b[2J\u001b[Hb', 'ab'],
    ['a window title', 'a\u001b]0;owned\u0007b', 'ab'],
    ['a carriage return', 'honest\rfalse', 'honest false'],
    ['several lines', 'one\n  two', 'one two'],
    ['a reversed reading order', 'a\u202Eb', 'ab'],
    ['a backspace', 'ab\bc', 'abc'],
    ['ordinary text', 'Zürich 東京 🙂', 'Zürich 東京 🙂'],
  ])('takes %s out', (_name, text, expected) => expect(plainText(text)).toBe(expected));
});

describe('formatTable', () => {
  it('aligns columns and pads no line end', () => {
    expect(
      formatTable(
        ['run', 'state'],
        [
          ['run_1', 'ok'],
          ['r', 'failed'],
        ],
      ),
    ).toEqual(['run    state', 'run_1  ok', 'r      failed']);
  });

  it('is a header alone without rows', () => expect(formatTable(['a', 'b'], [])).toEqual(['a  b']));

  it('makes cells plain', () =>
    expect(formatTable(['a'], [['x\u001b[2Jy\nz']])).toEqual(['a', 'xy z']));
});

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1000, '1.0 s'],
    [59_900, '59.9 s'],
    [60_000, '1 min 00 s'],
    [245_000, '4 min 05 s'],
    [3_600_000, '1 h 00 min'],
    [7_380_000, '2 h 03 min'],
  ])('%d ms', (ms, expected) => expect(formatDuration(ms)).toBe(expected));
});

describe('formatInstant', () => {
  it('is UTC to the second', () =>
    expect(formatInstant(new Date('2026-11-05T09:00:00.123Z'))).toBe('2026-11-05 09:00:00Z'));
  it('is a dash for none', () => expect(formatInstant(null)).toBe('-'));
});
