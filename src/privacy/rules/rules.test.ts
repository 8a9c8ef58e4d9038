import { describe, expect, it } from 'vitest';
import { PLANTED } from '#test/support/planted-secrets';
import { FOCUSES } from '../finding.ts';
import { readInlineIgnores } from '../text/inline-ignores.ts';
import { createTextMatcher } from '../text/match-text.ts';
import { toTextSource } from '../text/text-source.ts';
import { RULES, renderRuleReference } from './rule-catalog.ts';
import { readStoreFacts } from './store-declarations.ts';

const matchText = createTextMatcher({
  focus: new Set(FOCUSES),
  phoneCountries: ['US', 'GB', 'DE'],
});

const rulesIn = async (text: string, file = 'src/app.ts'): Promise<readonly string[]> =>
  (await matchText(toTextSource(file, text))).map(({ rule }) => rule);

describe('what rules find', () => {
  it.each(PLANTED)('$rule in $line', async ({ rule, secret, line }) => {
    const source = toTextSource('src/app.ts', `first line\n${line}\n`);
    const matches = await matchText(source);
    expect(matches.map((match) => match.rule)).toEqual([rule]);
    const [match] = matches;
    // The place covers the secret, so that masking it masks all of it.
    const matched = source.text.slice(match?.start, match?.end);
    expect(matched.includes(secret) || secret.includes(matched)).toBe(true);
  });

  it.each([
    ['DG-PII-004', 'ssn: 219-45-6782', 'a.txt'],
    ['DG-PII-004', 'DNI 12345678Z', 'a.txt'],
    ['DG-PII-004', 'codice RSSMRA85T10A562S', 'a.txt'],
    ['DG-PII-004', 'PESEL: 44051401359', 'a.txt'],
    ['DG-PII-004', 'NINO AB 12 34 56 C', 'a.txt'],
    ['DG-PII-004', 'cpf 529.982.247-25', 'a.txt'],
    ['DG-PII-004', 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<', 'a.txt'],
    ['DG-PII-004', 'passport no. 123456789', 'a.txt'],
    ['DG-PII-002', 'Telefon: 030 901820', 'a.txt'],
    ['DG-SEC-012', 'DB_PASSWORD=Tr0ub4dor&3', '.env'],
    ['DG-SEC-012', 'api_token: 9fk2LmQ8xZ71vTr0PwYd # note', 'deploy.yml'],
  ])('%s in %s', async (rule, text, file) => {
    expect(await rulesIn(text, file)).toEqual([rule]);
  });

  it.each([
    ['DG-LOG-001', 'log.info({ password });'],
    ['DG-LOG-001', 'console.log(token);'],
    ['DG-LOG-001', `this.logger.warn(\`login of \${user.id} with \${user.apiKey}\`);`],
    ['DG-LOG-001', "logger.error('failed', { authorization: request.headers.authorization });"],
    ['DG-LOG-001', 'logging.info(f"token {session.access_token}")'],
    ['DG-LOG-001', 'logger.info("login %s", user_password)'],
    ['DG-LOG-002', 'log.debug({ email: user.email });'],
    ['DG-LOG-003', 'audit.write({ tool, payload });'],
    ['DG-LOG-003', 'await auditStore.write({ ...event, input: params.input });'],
    ['DG-LOG-003', 'audit_log(event, response)'.replace('audit_log', 'write_audit')],
    ['DG-LOG-004', 'console.log(request.headers);'],
  ])('%s in %s', async (rule, text) => {
    expect(await rulesIn(text)).toEqual([rule]);
  });
});

describe('what is none', () => {
  it.each([
    ['an address of nobody', 'to: "alice@example.com", b@x.test, c@y.invalid, noreply@corp.eu'],
    ['a scoped package', 'import x from "@scope/name"; npm i react@18.2.0 icon@2x.png'],
    ['a place in git', 'git@github.com:opsloop/opsloop.git'],
    ['an author', ' * @author Jane Doe <jane@corp.eu>'],
    ['a uuid', 'id: 4539148803-4364-67a0-b1c2-1234567890ab 123e4567-e89b-12d3-a456-426614174000'],
    ['a hash', 'sha: 4539148803436467abc5e8f0d1c2b3a495867768594a3b2c1d0e9f8a7b6c5d4e'],
    ['an integrity', '"integrity": "sha512-0D7QUs+Xq3nPuEKsRTOTJsE7QcsbDl5Jze46dWn4Fqw=="'],
    ['a timestamp', 'at 1700000000000 2026-11-12T09:00:00+01:00 20261112090000 1731402000'],
    ['a version', 'v1.2.3 10.20.30.40 +1.2.3'],
    ['arithmetic', 'const x = a + 1234567890 * 2; y += 4155552671;'],
    ['a number without its check digit', 'order 4539148803436468'],
    ['a placeholder', `password = "<your-password>"; token: "$\{TOKEN}"; secret="changeme"`],
    ['a reading of the environment', 'const apiKey = process.env.API_KEY; token = os.environ["T"]'],
    ['names of things', 'token: "tools.jobs.read", secret: "session-token", apiKey: "x-api-key"'],
    ['an address without a password', 'postgres://localhost:5432/ops https://docs.corp.eu/a:b@c'],
    ['the password that every local one has', 'postgres://postgres:postgres@localhost:5432/x'],
    ['a line of a program that knows keys', "const BEGIN = '-----BEGIN PRIVATE KEY-----';"],
    ['counted tokens', 'log.info({ maxTokens, total_tokens, tokenCount, next_page_token });'],
    ['what is masked', 'log.info({ token: mask(token), password: "***", hasToken: !!token });'],
    [
      'sizes of what came',
      'audit.write({ tool, in_size: input.length, input_hash: sha256(input) });',
    ],
    ['words of a message', "log.info('password changed, token revoked');"],
    ['an invoice number', 'invoice 123-45-678, part 12-345-6789'],
    ['a number that no telephone has', 'call +999 123 456, ext. 0000000'],
  ])('%s', async (_name, text) => {
    expect(await rulesIn(text)).toEqual([]);
  });

  it('leaves published card numbers in tests as a note and reports them elsewhere', async () => {
    const card = ['4242 4242', '4242 4242'].join(' ');
    const of = async (file: string) =>
      (await matchText(toTextSource(file, `pay ${card}`))).map(({ severity }) => severity);
    expect(await of('test/pay.test.ts')).toEqual(['info']);
    expect(await of('src/pay.ts')).toEqual([undefined]);
  });
});

describe('hostile texts', () => {
  const fill = (piece: string): string =>
    piece.repeat(Math.ceil(1_048_576 / piece.length)).slice(0, 1_048_576);

  it.each([
    'a',
    '1',
    ' ',
    '@',
    'a@',
    'a@b.',
    '+1',
    '+49 15 ',
    '(1',
    '4 ',
    '4-',
    '4539 1488 ',
    'eyJ',
    '-eyJ',
    '.eyJ',
    'password=',
    'password="',
    'token: ',
    'secret',
    'https://a:',
    'postgres://a:b',
    'x://',
    'P<AAA',
    'AB ',
    'log.info(',
    'log.info(`${',
    'audit.write(a,',
    '"',
    '`',
    '${',
    'create table a (',
    'delete from a',
    'create table a (\nb timestamptz, ',
    'log_dir: ',
    'opsl_',
    '-----BEGIN PRIVATE KEY-----',
    'authorization: bearer ',
    'xoxb-',
    'dg-ignore: DG-PII-001,',
    '\n',
    '*_a',
  ])('a megabyte of %j is gone through once', async (piece) => {
    // Quadratic time would take minutes here, which the test's own limit cuts off.
    const source = toTextSource('src/a.yml', fill(piece));
    const matches = await matchText(source);
    readStoreFacts(source);
    readInlineIgnores(source);
    expect(Array.isArray(matches)).toBe(true);
  });
});

describe('the catalogue', () => {
  it('has ids of one form, each once, and tells all of them', () => {
    const ids = RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => /^DG-(PII|SEC|LOG|RET|AUD)-\d{3}$/.test(id))).toBe(true);
    for (const id of ids) expect(renderRuleReference()).toContain(`| ${id} |`);
  });
});
