import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  escapeMarkdown,
  formatChange,
  formatNumber,
  formatShare,
  markdownTable,
  printable,
} from './markdown.ts';

describe('text of others in a report', () => {
  it.each([
    ['get_user_details', 'get_user_details'],
    ['_bold_', '\\_bold\\_'],
    ['a|b', 'a\\|b'],
    ['`code`', '\\`code\\`'],
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['[x](javascript:alert(1))', '\\[x\\](javascript:alert(1))'],
    ['![x](http://evil)', '\\!\\[x\\](http&#58;//evil)'],
    ['**x** ~~y~~', '\\*\\*x\\*\\* \\~\\~y\\~\\~'],
    ['back\\slash', 'back\\\\slash'],
    ['a\nb\r\n# c', 'a\ufffdb\ufffd\ufffd\\# c'],
    ['\u202egnp.exe', '\ufffdgnp.exe'],
    ['me@example.org', 'me&#64;example.org'],
    ['WWW.example.org', 'WWW&#46;example.org'],
    ['&copy;', '&amp;copy;'],
    ['', '(empty)'],
    ['   ', '(empty)'],
  ])('%j becomes %j', (text, expected) => {
    expect(escapeMarkdown(text)).toBe(expected);
  });

  it('stays one line and one cell, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const escaped = escapeMarkdown(text);
        expect(escaped).not.toMatch(/[\n\r\u2028\u2029<>]/);
        // Every pipe is escaped: an odd number of backslashes stands before it.
        for (const match of escaped.matchAll(/(\\*)\|/g))
          expect((match[1] ?? '').length % 2).toBe(1);
        expect([...printable(text)].length).toBeLessThanOrEqual(120);
      }),
    );
  });

  it('is cut between characters', () => {
    expect(printable('😀'.repeat(200))).toBe(`${'😀'.repeat(119)}…`);
  });
});

describe('tables and numbers', () => {
  it('aligns the source too', () => {
    expect(
      markdownTable(
        [
          { title: 'Tool', align: 'left' },
          { title: 'Calls', align: 'right' },
        ],
        [
          ['search', '1,234'],
          ['x', '5'],
        ],
      ),
    ).toBe('| Tool   | Calls |\n|--------|------:|\n| search | 1,234 |\n| x      |     5 |');
  });

  it('writes numbers the same on every machine', () => {
    expect([
      formatNumber(1234567.891, 2),
      formatNumber(0),
      formatNumber(-1234.5, 1),
      formatNumber(-0.001, 2),
    ]).toEqual(['1,234,567.89', '0', '-1,234.5', '0.00']);
    expect([
      formatShare(0.1234),
      formatChange(0.5),
      formatChange(-1),
      formatChange(0),
      formatChange(null),
    ]).toEqual(['12.3 %', '+50.0 %', '-100.0 %', '0.0 %', 'no data']);
  });
});
