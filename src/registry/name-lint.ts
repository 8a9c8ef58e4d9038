import { nearestNames } from '#core/nearest-names';
import type { LintReport } from './lint-report.ts';

/** How many names a fault lists before it stops helping. */
const MAX_LISTED = 8;

/** Names that a list may hold. */
interface KnownNames {
  /** What bears them, in the singular. */
  readonly noun: string;
  readonly names: ReadonlySet<string>;
  /** The bearer of the list itself, whose name is no help to its author. */
  readonly own?: string;
}

/** What could have been meant by a name that is not known, or else what there is. */
const hintFor = (name: string, { noun, names, own }: KnownNames): string => {
  const others = [...names].filter((each) => each !== own);
  const nearest = nearestNames(name, others);
  if (nearest.length > 0) return `did you mean ${nearest.join(', ')}?`;
  if (others.length === 0) return `the file has no ${own === undefined ? '' : 'other '}${noun}`;
  return others.length > MAX_LISTED
    ? `accepted: the name of a ${noun} of this file`
    : `accepted: ${others.join(', ')}`;
};

/** Checks a list of names: none twice, and each one of `known` where that is given. */
export const lintNames = (
  names: unknown,
  options: {
    readonly steps: readonly string[];
    readonly known?: KnownNames;
    readonly report: LintReport;
  },
): void => {
  const { steps, known, report } = options;
  if (!Array.isArray(names)) return;
  names.forEach((name: unknown, index) => {
    if (typeof name !== 'string') return;
    const place = [...steps, String(index)];
    if (names.indexOf(name) < index) report(place, `names ${name} a second time`);
    else if (known !== undefined && !known.names.has(name))
      report(place, `names ${name}, which is no ${known.noun}; ${hintFor(name, known)}`);
  });
};
