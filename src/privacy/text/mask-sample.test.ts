import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskSample } from './mask-sample.ts';

describe('maskSample', () => {
  it.each([
    ['hunter2', '… (under 8 characters)'],
    ['hunter22', 'h… (8 to 15 characters)'],
    ['correct horse battery', 'co… (16 to 31 characters)'],
    ['<script>alert(1)</script>', '·s… (16 to 31 characters)'],
  ])('%j is %j', (text, sample) => {
    expect(maskSample(text)).toBe(sample);
  });

  it('shows two leading characters at most, whatever the text, and the same for texts alike', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
        (head, tail) => {
          const text = head + tail;
          const [shown = ''] = maskSample(text).split('…');
          expect([...shown].length).toBeLessThanOrEqual(2);
          expect([...shown].length * 4).toBeLessThanOrEqual([...text].length);
          const other = [...text].map((character, index) => (index < 2 ? character : 'x')).join('');
          expect(maskSample(other)).toBe(maskSample(text));
        },
      ),
    );
  });
});
