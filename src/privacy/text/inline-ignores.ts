import type { TextSource } from './text-source.ts';

const IGNORE =
  /dg-ignore:[ \t]{0,4}(?<rules>DG-[A-Z]{2,4}-\d{3}(?:[ \t]{0,4},[ \t]{0,4}DG-[A-Z]{2,4}-\d{3}){0,9})[ \t]{1,4}(?<reason>[^\n]{3,200})/g;
const WORD = /\p{L}{3,}/u;

/**
 * Lines on which a comment `dg-ignore: DG-PII-001 reason` takes findings of a
 * rule as they are: its own and the next one. Without a reason it has no effect.
 */
export const readInlineIgnores = (source: TextSource): ReadonlyMap<number, ReadonlySet<string>> => {
  const ignored = new Map<number, Set<string>>();
  for (const match of source.text.matchAll(IGNORE)) {
    const { rules = '', reason = '' } = match.groups ?? {};
    if (!WORD.test(reason)) continue;
    const own = source.lines.lineAt(match.index);
    for (const line of [own, own + 1]) {
      const known = ignored.get(line) ?? new Set();
      for (const rule of rules.split(',')) known.add(rule.trim());
      ignored.set(line, known);
    }
  }
  return ignored;
};
