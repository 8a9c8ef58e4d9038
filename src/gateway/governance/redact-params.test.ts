import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MASK, redactParams, redactText } from './redact-params.ts';

const hex = 'a'.repeat(64);
// In pieces, so that no scanner takes this file for a leak.
const join = (...parts: readonly string[]): string => parts.join('');
const letters36 = 'abcdefghijklmnopqrstuvwxyz0123456789';
const pem = String(
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
);

describe('secrets in text', () => {
  it.each([
    ['a key of ours', `see opsl_0123456789ab_${hex}`, hex],
    ['the generated gateway key', `opsl_gateway_${hex}`, hex],
    ['a DSN', 'postgres://ops:hunter2@db.internal:5432/x', 'hunter2'],
    ['a DSN with @ in its password', 'postgres://ops:p@ss@db/x', 'p@ss'],
    ['a DSN without a user', 'redis://:hunter2@cache', 'hunter2'],
    ['a bearer token', 'curl -H "Authorization: Bearer abc.DEF-123_x"', 'abc.DEF-123_x'],
    ['a bearer token alone', 'bearer 0123456789abcdef', '0123456789abcdef'],
    ['basic credentials', 'Basic dXNlcjpodW50ZXIy', 'dXNlcjpodW50ZXIy'],
    ['a JWT', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl`, 'eyJzdWIiOiIxIn0'],
    [
      'a JWT with a long head',
      `eyJ${'a'.repeat(2_000)}.eyJzdWIiOiIxIn0.c2lnbmF0dXJl`,
      'eyJzdWIiOiIxIn0',
    ],
    ['a key of ours behind a name', `key_opsl_0123456789ab_${hex}`, hex],
    ['a key of ours that was cut', `opsl_0123456789ab_${hex.slice(0, 50)}`, hex.slice(0, 50)],
    ['a DSN as a path of keys', '$.params.postgres://ops:hunter2@db/x', 'hunter2'],
    ['a token behind a name', join('my_key-ghp', '_', letters36), letters36],
    ['a private key', `look: ${pem} end`, pem.split('\n')[1] ?? ''],
    ['a cut private key', pem.slice(0, 60), pem.slice(28, 60)],
    ['an AWS key', join('AKIA', 'IOSFODNN7EXAMPLE'), 'IOSFODNN7EXAMPLE'],
    ['a GitHub token', join('ghp', '_', letters36), letters36],
    ['a GitHub token in a URL', join('https://ghp', '_', letters36, '@github.com/o/r'), letters36],
    ['a fine-grained GitHub token', join('github', '_pat_', letters36), letters36],
    ['a GitLab token', join('glp', 'at-', letters36), letters36],
    ['a Slack token', join('xox', 'b-1234567890-abcdef'), '1234567890-abcdef'],
    ['a Stripe key', join('sk', '_live_', letters36), letters36],
    ['an AI key', join('sk', '-ant-api03-', letters36), letters36],
    ['a Google key', join('AI', 'za', letters36.slice(0, 35)), letters36.slice(0, 35)],
    ['an npm token', join('npm', '_', letters36), letters36],
    ['a Slack hook', 'https://hooks.slack.com/services/T000/B000/abcdefghijklmnop', 'abcdefghijk'],
    ['a password in words', 'restarted with password=hunter2 again', 'hunter2'],
    ['a quoted password', '{"db_password": "two words"}', 'two words'],
    ['an API key in words', "api-key: 'k-123'", 'k-123'],
    ['a query string', 'https://h/x?access_token=abc123&y=1', 'abc123'],
    ['a DSN by its name', 'DSN=host=db', 'host=db'],
  ])('%s is masked', (_what, text, secret) => {
    expect(text).toContain(secret);
    const masked = redactText(text);
    expect(masked).not.toContain(secret);
    expect(masked).toContain(MASK);
    expect(redactText(masked)).toBe(masked);
  });

  it('leaves what stands around it', () => {
    expect(redactText('paused: postgres://a:b@db/x is away, see https://h/x?token_type=1')).toBe(
      `paused: postgres://${MASK}@db/x is away, see https://h/x?token_type=1`,
    );
  });

  it.each([
    'daily_cost_digest',
    'run_01J8Z6Q4T0V5W9X2Y3A7B8C9D0',
    '2026-11-04T12:00:00.000+02:00',
    '2024-02-29',
    randomUUID(),
    createHash('sha256').update('x').digest('hex'),
    createHash('sha1').update('x').digest('hex'),
    'd41d8cd98f00b204e9800998ecf8427e',
    'https://github.com/org/repo/pull/7#issuecomment-12',
    'git@github.com:org/repo.git',
    'ssh://git@github.com/org/repo.git',
    'http://[::1]:8080/x?from=2026-01-01T00:00:00Z',
    'mail somebody@example.org about it',
    'the basic configuration was changed by its bearer yesterday',
    'a basic understanding of internationalisation',
    'rotated the password; the token is in the vault',
    'the secret is out, keys are in order',
    'task-sk-1 and desk-fan-with-a-long-name-2000',
    'src/gateway/access/api-key.ts',
    '**/*.{ts,mjs}',
    '0 9 * * 1-5',
    'Ünïcode – “quotes” 🙂',
    'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    '+49 30 901820',
    '4111 1111 1111 1111',
  ])('%j is left alone', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('secrets by the name of their field', () => {
  it.each([
    'password',
    'dbPassword',
    'DB_PASSWORD',
    'client-secret',
    'apiKey',
    'x-api-key',
    'token',
    'access_token',
    'refreshToken',
    'Authorization',
    'set-cookie',
    'dsn',
    'DATABASE_URL',
    'private_key',
    'credentials',
  ])('%s', (name) => {
    expect(redactParams({ a: { [name]: 'plain' } })).toEqual({ a: { [name]: MASK } });
    expect(redactParams({ [name]: ['x', { deep: 'y', n: 7 }] })).toEqual({
      [name]: [MASK, { deep: MASK, n: MASK }],
    });
    expect(redactParams({ [name]: null })).toEqual({ [name]: null });
  });

  it.each([
    'task_id',
    'key',
    'dedupe_key',
    'idempotency_key',
    'page_token',
    'next_page_token',
    'max_tokens',
    'token_count',
    'secretary',
    'password_policy',
    'monkey',
    'before',
    'cookie_policy',
  ])('not %s', (name) => {
    expect(redactParams({ [name]: 'plain', n: 7 })).toEqual({ [name]: 'plain', n: 7 });
  });

  it('masks a secret that stands where a name should be', () => {
    expect(redactParams({ [`opsl_0123456789ab_${hex}`]: 1 })).toEqual({
      [`opsl_0123456789ab_${MASK}`]: 1,
    });
  });
});

it('changes nothing without a secret, and nothing twice', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const once = redactParams(value);
      expect(redactParams(once)).toEqual(once);
    }),
  );
  const plain = fc.oneof(fc.uuid(), fc.integer(), fc.boolean(), fc.date({ noInvalidDate: true }));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('task_id', 'inputs', 'n'), plain), (value) => {
      const sent: unknown = JSON.parse(JSON.stringify(value));
      expect(redactParams(sent)).toEqual(sent);
    }),
  );
});

// A pattern that backtracks would take minutes on one of these: the file's time limit is the test.
it.each([
  'a',
  'a.',
  'a://',
  'a://b:',
  ':@',
  'eyJ',
  'eyJaaaaaaaaa.',
  'eyJ-',
  'Bearer ',
  'bearer aaaaaaaaaaaaaaaa',
  'password',
  'password=',
  'secret_',
  '-----BEGIN PRIVATE KEY-----',
  '-----BEGIN ',
  'xoxb-',
  'sk-',
  'sk_live_',
  'SG.aaaaaaaaaaaaaaaaaaaa.',
  'opsl_a_',
  '_',
  '"',
])('reads %j a million characters long', (part) => {
  const text = part.repeat(Math.ceil(1_000_000 / part.length));
  expect(redactText(text).length).toBeGreaterThan(0);
  expect(redactParams({ [text]: text })).toBeTypeOf('object');
});
