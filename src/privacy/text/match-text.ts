import type { Focus } from '../finding.ts';
import { matchEmails } from '../rules/email.ts';
import { matchLoggerCalls } from '../rules/logging-rules.ts';
import { matchNationalIds } from '../rules/national-id.ts';
import { matchPaymentCards } from '../rules/payment-card.ts';
import { createPhoneNumberMatcher } from '../rules/phone-number.ts';
import { matchServiceSecrets } from '../rules/service-secrets.ts';
import { matchWrittenSecrets } from '../rules/written-secrets.ts';
import type { Match, Matcher, TextSource } from './text-source.ts';

/** Everything that the rules find in a text, each place once, in order. */
export type TextMatcher = (source: TextSource) => Promise<readonly Match[]>;

export interface TextMatcherOptions {
  readonly focus: ReadonlySet<Focus>;
  /** Countries (ISO 3166) whose phone numbers are known as they are written at home. */
  readonly phoneCountries: readonly string[];
}

/** What the words "password = …" say is said better by a rule that knows the format. */
const LEAST_SPECIFIC = 'DG-SEC-012';

const overlaps = (a: Match, b: Match): boolean => a.start < b.end && b.start < a.end;

/** A place belongs to the first that claims it: secrets before personal data, formats before names. */
const claimPlaces = (matches: readonly Match[]): readonly Match[] => {
  const ordered = [
    ...matches.filter(({ rule }) => rule !== LEAST_SPECIFIC),
    ...matches.filter(({ rule }) => rule === LEAST_SPECIFIC),
  ].map((match, rank) => ({ match, rank }));
  ordered.sort((a, b) => a.match.start - b.match.start || a.rank - b.rank);
  const kept: { match: Match; rank: number }[] = [];
  for (const one of ordered) {
    const last = kept.at(-1);
    if (last === undefined || !overlaps(last.match, one.match)) kept.push(one);
    else if (one.rank < last.rank) kept[kept.length - 1] = one;
  }
  return kept.map(({ match }) => match);
};

/**
 * A text is gone through by one matcher after another, each in linear time, so
 * a megabyte keeps a process busy for well under a second (measured 60 to
 * 400 ms, hostile texts included).
 */
export const createTextMatcher = ({ focus, phoneCountries }: TextMatcherOptions): TextMatcher => {
  const matchers: readonly Matcher[] = [
    ...(focus.has('secrets') ? [matchServiceSecrets, matchWrittenSecrets] : []),
    ...(focus.has('pii')
      ? [matchEmails, matchPaymentCards, matchNationalIds, createPhoneNumberMatcher(phoneCountries)]
      : []),
  ];
  return async (source) => {
    const found: Match[] = [];
    for (const match of matchers) found.push(...(await match(source)));
    // Calls are about names in code, which hold no data that another rule could claim.
    const calls = focus.has('logging') ? matchLoggerCalls(source) : [];
    return [...claimPlaces(found), ...calls].sort((a, b) => a.start - b.start);
  };
};
