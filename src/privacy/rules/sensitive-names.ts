/** What a value of that name is likely to be. */
export type NameClass = 'credential' | 'personal' | 'payload' | 'everything' | 'harmless';

const CREDENTIAL_WORDS: ReadonlySet<string> = new Set([
  'password',
  'passwd',
  'pwd',
  'passphrase',
  'secret',
  'token',
  'jwt',
  'apikey',
  'credential',
  'credentials',
  'authorization',
  'cookie',
  'cookies',
  'cvv',
  'cvc',
  'pin',
  'otp',
  'mnemonic',
]);
const CREDENTIAL_PAIRS: ReadonlySet<string> = new Set([
  'api key',
  'access key',
  'private key',
  'secret key',
  'signing key',
  'encryption key',
  'auth key',
  'session key',
  'seed phrase',
  'security code',
  'connection string',
  'database url',
]);
const PERSONAL_WORDS: ReadonlySet<string> = new Set([
  'email',
  'mail',
  'phone',
  'telephone',
  'msisdn',
  'ssn',
  'passport',
  'birthday',
  'birthdate',
  'dob',
  'iban',
  'firstname',
  'lastname',
  'surname',
  'fullname',
]);
const PERSONAL_PAIRS: ReadonlySet<string> = new Set([
  'e mail',
  'email address',
  'mail address',
  'phone number',
  'mobile number',
  'card number',
  'credit card',
  'first name',
  'last name',
  'full name',
  'home address',
  'street address',
  'postal address',
  'birth date',
  'date birth',
  'of birth',
  'social security',
  'national id',
  'passport number',
  'tax id',
  'account number',
]);
const PAYLOAD_WORDS: ReadonlySet<string> = new Set([
  'payload',
  'body',
  'prompt',
  'completion',
  'input',
  'output',
  'params',
  'arguments',
  'args',
  'messages',
  'response',
  'result',
  'content',
  'raw',
]);
const EVERYTHING_WORDS: ReadonlySet<string> = new Set(['headers', 'environ', 'env']);
const EVERYTHING_PAIRS: ReadonlySet<string> = new Set([
  'request body',
  'req body',
  'raw body',
  'raw request',
  'request headers',
  'req headers',
  'full request',
]);

/** Before `token` these speak of a language model's, a parser's or a page's. */
const COUNTED =
  /^(?:max|min|total|num|n|count|prompt|completion|input|output|per|next|page|continuation|lexer|parser|syntax|eof|cancel|cancellation|abort|fencing|line|first|last|current|unexpected|expected|mint|no|missing|invalid|bad|expired|has|is|with|without)$/;

const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s_$]+/)
    .filter((word) => word !== '');

/**
 * By the last words of the name, since those say what a thing is: a
 * `token_count` is a count and a `password_hash` a hash.
 */
export const classifyName = (name: string): NameClass => {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const pair = `${before} ${last}`;
  if (EVERYTHING_PAIRS.has(pair)) return 'everything';
  if (CREDENTIAL_PAIRS.has(pair)) return 'credential';
  if (CREDENTIAL_WORDS.has(last)) return COUNTED.test(before) ? 'harmless' : 'credential';
  if (PERSONAL_PAIRS.has(pair)) return 'personal';
  if (PERSONAL_WORDS.has(last)) return COUNTED.test(before) ? 'harmless' : 'personal';
  if (EVERYTHING_WORDS.has(last)) return 'everything';
  return PAYLOAD_WORDS.has(last) ? 'payload' : 'harmless';
};
