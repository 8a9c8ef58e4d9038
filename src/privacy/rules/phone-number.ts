import {
  type CountryCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import type { Rule } from '../finding.ts';
import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';

export const PHONE_NUMBER_RULE: Rule = {
  id: 'DG-PII-002',
  severity: 'warning',
  focus: 'pii',
  title: 'phone number',
  fix: 'Remove the number, or use one that is set aside for fiction.',
};

/** With its country: the plus sign says what it is. */
const INTERNATIONAL = /(?<![\w+.])\+\d[\d ()./-]{5,24}\d(?![\w])/g;
/** As the United States and Canada write it, which hardly anything else looks like. */
const NORTH_AMERICAN = /(?<![\w+.(-])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\w-]|\.\d)/g;
/** Written as at home; only behind a word that says so. */
const NATIONAL = /(?<![\w+.-])\(?0\d[\d ()/.-]{5,20}\d(?![\w])/g;
const PHONE_WORD =
  /(?:phone|telefon|tel[ée]?fono|\btel\b|mobile|\bmobil\b|\bcell\b|handy|whatsapp|\bsms\b|\bfax\b|телефон)[^\n]{0,24}$/i;
const WORD_REACH = 48;

/** Whether `text` is a number that can be dialled, written with its country or as at home in `country`. */
const isPhoneNumber = (text: string, country?: CountryCode): boolean => {
  const number = parsePhoneNumberFromString(text, {
    ...(country === undefined ? {} : { defaultCountry: country }),
    extract: false,
  });
  return number?.isValid() ?? false;
};

interface Shape {
  readonly pattern: RegExp;
  readonly isNumber: (text: string, source: TextSource, start: number) => boolean;
}

const shapesFor = (countries: readonly string[]): readonly Shape[] => [
  { pattern: INTERNATIONAL, isNumber: (text) => isPhoneNumber(text) },
  { pattern: NORTH_AMERICAN, isNumber: (text) => isPhoneNumber(text, 'US') },
  {
    pattern: NATIONAL,
    isNumber: (text, source, start) =>
      PHONE_WORD.test(source.lines.before(start, WORD_REACH)) &&
      countries.some((country) => isSupportedCountry(country) && isPhoneNumber(text, country)),
  },
];

/** Numbers that can be dialled; `countries` (ISO 3166) are those whose national form is known. */
export const createPhoneNumberMatcher = (
  countries: readonly string[],
): ((source: TextSource) => readonly Match[]) => {
  const shapes = shapesFor(countries);
  return (source) => {
    const found: Match[] = [];
    for (const { pattern, isNumber } of shapes) {
      let looked = 0;
      for (const match of source.text.matchAll(pattern)) {
        looked += 1;
        if (looked > MAX_CANDIDATES) break;
        if (!isNumber(match[0], source, match.index)) continue;
        const end = match.index + match[0].length;
        found.push({
          rule: PHONE_NUMBER_RULE.id,
          start: match.index,
          end,
          ...(source.isTest ? { severity: 'info' as const } : {}),
        });
      }
    }
    return found;
  };
};
