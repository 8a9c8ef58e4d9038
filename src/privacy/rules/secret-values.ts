const PLACEHOLDER =
  /^(?:x+|\*+|\.{3,}|•+|…|-+|_+|0+|1234567890?|12345678?|(?:test|dummy|fake|sample|example|placeholder|changeme|change[-_]?me|redacted|secret|password|passwd|token|none|null|undefined|true|false|todo|tbd|foo|bar|foobar|hidden|masked|unset|empty|default|required|optional|string|value)[-_]?\d{0,4})$/i;
const PLACEHOLDER_PART =
  /<[^>]*>|\$\{|\$\(|\{\{|%\(|\[(?:redacted|masked|hidden|removed)|\*{3,}|x{4,}|\.{3}|…|(?:your|my|the|some|any|an?)[-_ ](?:[a-z]+[-_ ])*(?:key|token|secret|password|passphrase|pass|pw)|(?:change|replace|insert|put|fill)[-_ ]?(?:me|this|it|with|here)|placeholder|example|dummy|redacted|process\.env|os\.environ|getenv|secrets?\.|vault:|^urn:|^\d+(?:\.\d+){1,3}$|ref\+|arn:aws/i;

/** Whether a text stands where a secret would, without being one. */
export const isPlaceholder = (value: string): boolean =>
  PLACEHOLDER.test(value) ||
  PLACEHOLDER_PART.test(value) ||
  /^(.)\1*$/.test(value) ||
  /^[$%@&#][\w.]+[%]?$/.test(value);

/** Shannon entropy in bits a character, 0 to about 6 for printable text. */
const entropyOf = (text: string): number => {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values())
    bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
};

const characterClasses = (text: string): number =>
  [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((pattern) => pattern.test(text)).length;

/** An id of something, such as `DG-SEC-007`. */
const isIdentifier = (text: string): boolean => /^[A-Z]{2,}(?:[-_][A-Z0-9]+)+$/.test(text);

/** Words with joints, as names of things are: `tools.jobs.read`, `api-key`, `refresh_token`, `accessToken`. */
const isName = (text: string): boolean =>
  /^[?!@#:.-]{0,2}[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)*\d{0,2}$/.test(text) &&
  (/[-_.:/ ]/.test(text) || !/^[^A-Z]*[A-Z]{2,}[^A-Z]+[A-Z]/.test(text));

const isPath = (text: string): boolean =>
  /^(?:\.{0,2}\/|~\/|[a-z]:\\|[a-z][a-z0-9+.-]*:\/\/)/i.test(text) ||
  /\.(?:ya?ml|json|txt|pem|key|ts|js|py)$/i.test(text);

// 128 random bits in hex carry 3.3 to 4 bits a character, words of English about 3.
const RANDOM_BITS = 3;
const MIN_RANDOM_LENGTH = 16;

/**
 * Whether a value that stands behind a name such as `token` looks drawn at
 * random, or, behind a password's, chosen by somebody: passwords are short and
 * speak, so a digit or a sign among the letters is enough there.
 */
export const looksSecret = (value: string, name: 'password' | 'other'): boolean => {
  if (isPlaceholder(value) || isPath(value) || isIdentifier(value)) return false;
  if (name === 'password')
    return value.length >= 6 && !isName(value) && characterClasses(value) >= 2;
  return (
    value.length >= MIN_RANDOM_LENGTH &&
    !isName(value) &&
    characterClasses(value) >= 2 &&
    entropyOf(value) >= RANDOM_BITS
  );
};
