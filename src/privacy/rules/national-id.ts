import type { Rule } from '../finding.ts';
import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';
import * as digits from './check-digits.ts';

export const NATIONAL_ID_RULE: Rule = {
  id: 'DG-PII-004',
  severity: 'warning',
  focus: 'pii',
  title: 'passport or national identity number',
  fix: 'Remove the number; keep at most the fact that the document was checked.',
};

interface IdentityNumber {
  readonly pattern: RegExp;
  /** Null where the form alone tells; else a word that must stand before it on the line. */
  readonly word: RegExp | null;
  readonly isValid: (text: string) => boolean;
}

const DOCUMENT =
  /passport|reisepass|passeport|pasaporte|passaporto|paszport|паспорт|ausweis|identity[ _-]?card|id[ _-]?card|national[ _-]?id|document[ _-]?(?:no|number|id)|travel[ _-]?document/i;

/** The form of each number and its check digits are those that its issuer publishes. */
const NUMBERS: readonly IdentityNumber[] = [
  // US social security number: area not 000, 666 or 9xx, no part all zero.
  {
    pattern: /(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-])/g,
    word: null,
    isValid: (text) => digits.isSocialSecurityShape(text.replaceAll('-', '')),
  },
  {
    pattern: /(?<![\w.-])\d{9}(?![\w-])/g,
    word: /\bssn\b|social[ _-]?security/i,
    isValid: digits.isSocialSecurityShape,
  },
  // UK national insurance number.
  {
    pattern: /(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/g,
    word: /national[ _-]?insurance|\bnino\b|\bni[ _-]?(?:no|number)\b/i,
    isValid: (text) => !/^(?:BG|GB|NK|KN|TN|NT|ZZ)/.test(text),
  },
  // German identity card and passport: nine characters and a check digit.
  {
    pattern: /(?<!\w)[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d(?!\w)/g,
    word: DOCUMENT,
    isValid: digits.passesDocumentCheck,
  },
  // Spain: eight digits (DNI) or X, Y, Z and seven (NIE), and a letter by the remainder of 23.
  {
    pattern: /(?<!\w)[XYZ\d]\d{7}-?[A-HJ-NP-TV-Z](?!\w)/g,
    word: /\bdni\b|\bnie\b|\bnif\b|documento|identidad/i,
    isValid: digits.passesSpanishLetter,
  },
  // Italian codice fiscale.
  {
    pattern: /(?<!\w)[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)/g,
    word: null,
    isValid: digits.passesFiscalCodeLetter,
  },
  // French NIR: 13 digits and a key of two.
  {
    pattern: /(?<!\w)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\w)/g,
    word: /\bnir\b|s[ée]curit[ée][ _-]?sociale|num[ée]ro[ _-]?(?:de[ _-]?)?s[ée]cu|\binsee\b/i,
    isValid: digits.passesFrenchKey,
  },
  // Polish PESEL.
  {
    pattern: /(?<![\w.-])\d{11}(?![\w-])/g,
    word: /pesel/i,
    isValid: (text) => digits.passesWeights(text, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10),
  },
  // Dutch BSN.
  {
    pattern: /(?<![\w.-])\d{9}(?![\w-])/g,
    word: /\bbsn\b|burgerservice/i,
    isValid: (text) => digits.passesWeights(text, [9, 8, 7, 6, 5, 4, 3, 2, -1], 11),
  },
  // Ukrainian tax number.
  {
    pattern: /(?<![\w.-])\d{10}(?![\w-])/g,
    word: /рнокпп|іпн|rnokpp|\bipn\b|tax[ _-]?id/i,
    isValid: digits.passesUkrainianCheck,
  },
  // Brazilian CPF as it is printed.
  {
    pattern: /(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])/g,
    word: null,
    isValid: (text) => digits.passesCpfCheck(text.replace(/\D/g, '')),
  },
  // Chinese resident identity number: a date of birth in the middle and a check character.
  {
    pattern:
      /(?<![\w.-])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX](?![\w-])/g,
    word: null,
    isValid: digits.passesChineseCheck,
  },
  // First line of a passport's machine-readable zone.
  {
    pattern: /(?<![A-Z0-9<])P[A-Z<][A-Z]{3}[A-Z]+<<[A-Z<]{5,37}(?![A-Z0-9<])/g,
    word: null,
    isValid: (text) => text.length === 44,
  },
  // Passports of most other countries: no public check digit, so the word must stand close by.
  {
    pattern: /(?<!\w)(?:[A-Z]{1,2}\d{6,8}|\d{8,9})(?!\w)/g,
    word: /(?:passport|reisepass|passeport|pasaporte|passaporto|paszport|паспорт)[^\n]{0,20}$/i,
    isValid: () => true,
  },
];

const WORD_REACH = 60;

/** Numbers whose form, check digit or neighbouring word says whose document they are of. */
export const matchNationalIds = (source: TextSource): readonly Match[] => {
  const found: Match[] = [];
  for (const { pattern, word, isValid } of NUMBERS) {
    let looked = 0;
    for (const { 0: text, index } of source.text.matchAll(pattern)) {
      looked += 1;
      if (looked > MAX_CANDIDATES) break;
      if (!isValid(text)) continue;
      if (word !== null && !word.test(source.lines.before(index, WORD_REACH))) continue;
      const end = index + text.length;
      if (found.some((other) => index < other.end && other.start < end)) continue;
      const severity = source.isTest ? { severity: 'info' as const } : {};
      found.push({ rule: NATIONAL_ID_RULE.id, start: index, end, ...severity });
    }
  }
  return found;
};
