import valid from 'card-validator';
import type { Rule } from '../finding.ts';
import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';

export const PAYMENT_CARD_RULE: Rule = {
  id: 'DG-PII-003',
  severity: 'error',
  focus: 'pii',
  title: 'payment card number',
  fix: 'Remove the number and let the payment service keep it; refer to it by its token.',
};

/** In groups of at least three as cards print them, or in one run. */
const CANDIDATE =
  /(?<![\w.+/=#-])\d{3,6}(?:([ -])\d{3,7}(?:\1\d{3,7}){1,4}|\d{9,15})(?![\w/=#-]|\.\d)/g;

/**
 * What payment services publish for trying out; elsewhere than in tests somebody may rely on
 * them. Without the check digit, so that no card number stands here.
 */
const PUBLISHED: ReadonlySet<string> = new Set([
  '411111111111111',
  '424242424242424',
  '401288888888188',
  '400005665566555',
  '422222222222',
  '555555555555444',
  '510510510510510',
  '222300312200322',
  '37828224631000',
  '37144963539843',
  '601111111111111',
  '601100099013942',
  '353011133330000',
  '356600202036050',
  '3056930902590',
  '3852000002323',
]);

const passesLuhn = (digits: string): boolean => {
  let sum = 0;
  for (let index = digits.length - 1, doubled = false; index >= 0; index -= 1, doubled = !doubled) {
    const digit = digits.charCodeAt(index) - 48;
    sum += doubled ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  return sum % 10 === 0;
};

// The library lets some kinds of card pass without the check digit; numbers of other things abound.
const isCardNumber = (digits: string): boolean =>
  digits.length >= 13 &&
  digits.length <= 19 &&
  passesLuhn(digits) &&
  !/^(\d)\1+$/.test(digits) &&
  valid.number(digits).isValid;

/** Numbers with a known issuer's prefix and length and a right check digit. */
export const matchPaymentCards = (source: TextSource): readonly Match[] => {
  const found: Match[] = [];
  let looked = 0;
  for (const match of source.text.matchAll(CANDIDATE)) {
    looked += 1;
    if (looked > MAX_CANDIDATES) break;
    const digits = match[0].replace(/\D/g, '');
    if (!isCardNumber(digits)) continue;
    const at = {
      rule: PAYMENT_CARD_RULE.id,
      start: match.index,
      end: match.index + match[0].length,
    };
    if (!source.isTest) found.push(at);
    else found.push({ ...at, severity: PUBLISHED.has(digits.slice(0, -1)) ? 'info' : 'warning' });
  }
  return found;
};
