import { distance } from 'fastest-levenshtein';

/** Up to three known names that `name` may have been meant to be, nearest first. */
export const nearestNames = (name: string, known: Iterable<string>): readonly string[] =>
  [...known]
    .map((candidate) => ({ candidate, edits: distance(name, candidate) }))
    .filter(
      ({ candidate, edits }) =>
        edits <= Math.max(2, Math.floor(candidate.length / 3)) ||
        (name.length >= 3 && candidate.includes(name)),
    )
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
