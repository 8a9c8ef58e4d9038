/** Stands where a secret stood. */
export const MASK = '[redacted]';

interface TextRule {
  readonly pattern: RegExp;
  readonly replacement: string;
}

// A caller chooses the text, so every pattern takes a time that is bounded by
// its length times a constant: repetitions have an end.
const TEXT_RULES: readonly TextRule[] = [
  {
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
    replacement: MASK,
  },
  // Keys of ours; the public half tells which one it was.
  { pattern: /(opsl_[a-z0-9]{1,20})_[0-9a-f]{32,128}/g, replacement: `$1_${MASK}` },
  // A DSN's or URL's user and password. A user alone (git@host) is none.
  {
    pattern: /(:\/\/)[^\s/?#:@]{0,256}:[^\s/?#]{1,1024}@/g,
    replacement: `$1${MASK}@`,
  },
  // Words follow "bearer" and "basic" in English as well; a token has a digit, a "=" or a capital inside.
  {
    pattern:
      /\b([Bb]earer|BEARER|[Bb]asic|BASIC)([ \t]{1,8})(?=[A-Za-z0-9+/._~-]{0,2048}(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/._~-]{12,4096}={0,2}/g,
    replacement: `$1$2${MASK}`,
  },
  // JSON Web Tokens; of one with a longer head the rest looks like one by itself.
  {
    pattern:
      /(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,256}\.[A-Za-z0-9_-]{8,16384}(?:\.[A-Za-z0-9_-]{0,2048})?/g,
    replacement: MASK,
  },
  // Keys whose issuers gave them a prefix to be known by.
  {
    pattern: new RegExp(
      `(?<![A-Za-z0-9])(?:${[
        '(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])',
        'AIza[0-9A-Za-z_-]{35}',
        'ya29\\.[0-9A-Za-z_-]{20,1024}',
        'gh[opsur]_[A-Za-z0-9]{36,255}',
        'github_pat_[A-Za-z0-9_]{22,255}',
        'glpat-[A-Za-z0-9_-]{20,255}',
        'xox[abeoprs]-[A-Za-z0-9-]{10,255}',
        'xapp-[A-Za-z0-9-]{10,255}',
        '[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}',
        'sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,255}',
        'npm_[A-Za-z0-9]{36}',
        'hf_[A-Za-z0-9]{30,255}',
        'pypi-[A-Za-z0-9_-]{50,255}',
        'dop_v1_[a-f0-9]{64}',
        'SG\\.[A-Za-z0-9_-]{16,255}\\.[A-Za-z0-9_-]{16,255}',
      ].join('|')})`,
      'g',
    ),
    replacement: MASK,
  },
  { pattern: /(hooks\.slack\.com\/services\/)[A-Za-z0-9/]{20,255}/g, replacement: `$1${MASK}` },
  // An assignment inside of text: password=…, "api_key": "…", Authorization: ….
  {
    pattern:
      /(?<![A-Za-z])((?:pass(?:word|wd|phrase)|pwd|(?:client|shared)?[_-]?secret(?:[_-]key)?|(?:api|access|private|signing|encryption)[_-]?key|(?:access|auth|refresh|session|bearer)[_-]?token|authorization|dsn)["']?[ \t]{0,8}[:=][ \t]{0,8})(?:\[redacted\]|"[^"\r\n]{1,1024}"|'[^'\r\n]{1,1024}'|(?:bearer|basic)[ \t]{1,8}[^\s"',;&]{1,1024}|[^\s"',;&]{1,1024})/gi,
    replacement: `$1${MASK}`,
  },
];

// The end of a field's name, in snake_case, that says that its value is a
// secret. `token` and `key` count alone, not at an end: a page_token or a
// dedupe_key is none.
const SECRET_FIELD =
  /^(?:token|jwt|.*(?:^|_)(?:password|passwd|pwd|passphrase|secret|secrets|api_?key|access_?key|private_?key|secret_?key|signing_?key|encryption_?key|access_?token|auth_?token|refresh_?token|session_?token|bearer_?token|id_?token|authorization|cookie|dsn|credentials?|database_?url|redis_?url|connection_?string))$/;

/** A longer name tells nothing by its end, and is not searched. */
const MAX_NAME_CHARS = 100;

const isSecretField = (name: string): boolean =>
  name.length <= MAX_NAME_CHARS &&
  SECRET_FIELD.test(
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll(/[-. ]/g, '_')
      .toLowerCase(),
  );

/** Text with the secrets masked that are known by their shape or by the name before them. */
export const redactText = (text: string): string =>
  TEXT_RULES.reduce(
    (masked, { pattern, replacement }) => masked.replace(pattern, replacement),
    text,
  );

/** A key pasted where a name belongs must not become one that the trail keeps. */
export const holdsSecret = (text: string): boolean => redactText(text) !== text;

const maskAll = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(maskAll);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [redactText(key), maskAll(inner)]),
    );
  return value === null || typeof value === 'boolean' || value === '' ? value : MASK;
};

/**
 * Params as they may be stored, hashed and logged. Masked are strings and keys
 * that hold a secret by its shape, and whole values by their field's name.
 * Whatever has another shape (ids, instants, hashes, numbers) comes back equal.
 * Recursive: bodies are no deeper than the parser lets them be. Idempotent.
 */
export const redactParams = (value: unknown): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactParams);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      redactText(key),
      isSecretField(key) ? maskAll(inner) : redactParams(inner),
    ]),
  );
};
