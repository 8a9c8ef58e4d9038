import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DataGovernancePolicy } from '#config/data-governance-policy';
import { FakeClock } from '#test/support/fake-clock';
import { PLANTED } from '#test/support/planted-secrets';
import { FOCUSES } from '../finding.ts';
import { privacyPolicyOf } from '../privacy-policy.ts';
import { type RepoScan, type RepoScanRequest, scanRepo } from './scan-repo.ts';

const NOW = '2026-11-12T09:00:00Z';
const EMAIL = ['olena', '@', 'corp-mail.eu'].join('');
const POLICY: DataGovernancePolicy = {
  version: 1,
  retention: { audit_jsonl_days: 30, audit_postgres_days: 90, audit_parquet_days: 400 },
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-scan-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = async (files: Readonly<Record<string, string | Buffer>>): Promise<void> => {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), content);
  }
};

const scan = (
  request: Partial<RepoScanRequest> = {},
  policy: Partial<DataGovernancePolicy> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<RepoScan> =>
  scanRepo(
    { mode: 'full', maxFiles: 200, include: [], exclude: [], focus: FOCUSES, ...request },
    { root, policy: privacyPolicyOf({ ...POLICY, ...policy }), clock: new FakeClock(NOW), signal },
  );

const placesOf = ({ findings }: RepoScan): readonly string[] =>
  findings.map(({ rule, place }) =>
    'file' in place ? `${rule} ${place.file}:${place.line}` : rule,
  );

describe('what is scanned', () => {
  it('passes over what is not the repository and says why', async () => {
    await put({
      'src/a.ts': `first\n// ${EMAIL}\n`,
      '.gitignore': 'ignored/\n*.secret\n!keep.secret\n',
      'ignored/b.ts': EMAIL,
      'keep.secret': EMAIL,
      'lost.secret': EMAIL,
      'deep/.gitignore': 'c.ts\n',
      'deep/c.ts': EMAIL,
      'node_modules/x/index.js': EMAIL,
      'dist/a.js': EMAIL,
      '.git/config': EMAIL,
      'package-lock.json': EMAIL,
      'a.min.js': EMAIL,
      'picture.png': EMAIL,
      'data.txt': Buffer.from(`\0${EMAIL}`),
      'large.txt': `${EMAIL}\n${'x'.repeat(1_048_577)}`,
    });
    await symlink('/etc/hosts', path.join(root, 'outside'));
    await symlink('src', path.join(root, 'inside'));
    const answer = await scan();
    expect(placesOf(answer)).toEqual(['DG-PII-001 keep.secret:1', 'DG-PII-001 src/a.ts:2']);
    expect(answer.skipped).toEqual({
      binary: 2,
      generated: 1,
      git_ignored: 3,
      lock_file: 1,
      not_ours: 3,
      symbolic_link: 2,
      too_large: 1,
    });
    expect(answer.truncatedBy).toBeNull();
  });

  it('takes globs and folders, and never leaves the root', async () => {
    await put({ 'src/a.ts': EMAIL, 'src/b.ts': EMAIL, 'docs/c.md': EMAIL });
    expect(placesOf(await scan({ include: ['src'], exclude: ['**/b.ts'] }))).toEqual([
      'DG-PII-001 src/a.ts:1',
    ]);
    for (const glob of ['../x', 'src/../../x', '/etc', 'a/{..,b}/c', '!(a)', '****a*b', ''])
      await expect(scan({ include: ['src', glob] })).rejects.toMatchObject({
        code: 'invalid_input',
        violations: [{ path: '$.paths_include[1]' }],
      });
  });

  it('stops at max_files and says so; in fast what was changed and what is likely come first', async () => {
    await put({ 'a.md': EMAIL, 'b.ts': EMAIL, '.env': EMAIL, 'z.md': EMAIL, '.git/HEAD': 'ref' });
    const past = new Date('2026-01-01T00:00:00Z');
    const head = new Date('2026-02-01T00:00:00Z');
    for (const file of ['a.md', 'b.ts', '.env']) await utimes(path.join(root, file), past, past);
    await utimes(path.join(root, '.git/HEAD'), head, head);
    const scanned = async (mode: 'fast' | 'full', maxFiles: number): Promise<readonly string[]> => [
      ...(await scan({ mode, maxFiles })).scanned,
    ];
    expect(await scanned('full', 2)).toEqual(['.env', 'a.md']);
    expect(await scanned('fast', 3)).toEqual(['z.md', '.env', 'b.ts']);
    expect((await scan({ maxFiles: 2 })).truncatedBy).toBe('max_files');
    expect((await scan({ maxFiles: 4 })).truncatedBy).toBeNull();
  });

  it('ends when it is told to', async () => {
    await put({ 'a.ts': EMAIL });
    const reason = new Error('time is up');
    await expect(scan({}, {}, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('keeps to its focus', async () => {
    await put({ 'a.ts': `${EMAIL}\nlog.info(password);\n${PLANTED[6]?.line}` });
    const rules = async (focus: RepoScanRequest['focus']) =>
      (await scan({ focus })).findings.map(({ rule }) => rule);
    expect(await rules(['pii'])).toEqual(['DG-PII-001']);
    expect(await rules(['secrets'])).toEqual(['DG-SEC-001']);
    expect(await rules(['logging'])).toEqual(['DG-LOG-001']);
    expect(await rules(['retention'])).toEqual([]);
  });
});

describe('what is found', () => {
  it('shows nothing of what was planted, in any field', async () => {
    await put(
      Object.fromEntries(PLANTED.map(({ line }, index) => [`src/f${index}.ts`, `${line}\n`])),
    );
    await put({ [`notes/${EMAIL}.txt`]: EMAIL });
    const answer = await scan({ maxFiles: 1_000 });
    expect(new Set(answer.findings.map(({ rule }) => rule))).toEqual(
      new Set(PLANTED.map(({ rule }) => rule)),
    );
    const text = JSON.stringify(answer.findings);
    for (const { secret } of PLANTED) expect(text).not.toContain(secret);
    expect(text).not.toContain(EMAIL);
  });

  it('names a finding the same when lines move, and not by its value', async () => {
    const of = async (text: string): Promise<readonly string[]> => {
      await put({ 'a.ts': text });
      return (await scan()).findings.map(({ fingerprint }) => fingerprint);
    };
    const first = await of(`const to = '${EMAIL}';\n`);
    expect(await of(`\n\n// moved\nconst to = '${EMAIL}';\n`)).toEqual(first);
    expect(await of(`const to = 'another${EMAIL}';\n`)).toEqual(first);
    expect(await of(`const from = '${EMAIL}';\n`)).not.toEqual(first);
  });

  it('tells twenty of a rule in a file and counts the rest', async () => {
    await put({ 'people.csv': `${EMAIL}\n`.repeat(50) });
    const { findings } = await scan();
    expect(findings).toHaveLength(20);
    expect(findings.reduce((sum, { count }) => sum + count, 0)).toBe(50);
  });

  it('leaves out what a comment or the policy allows, with a reason and for its time', async () => {
    await put({
      'a.ts': [
        `// dg-ignore: DG-PII-001 a made-up person`,
        `'${EMAIL}'`,
        `'${EMAIL}' // dg-ignore: DG-PII-001`,
        `'${EMAIL}' // dg-ignore: DG-PII-002 another rule`,
      ].join('\n'),
      'demo/b.ts': EMAIL,
      'old/c.ts': EMAIL,
    });
    const rules = ['DG-PII-001'];
    const answer = await scan(
      {},
      {
        repo_scan: {
          allow: [
            { path: 'demo', rules, reason: 'made-up people', expires: '2026-11-12' },
            { path: 'old/**', rules, reason: 'looked at', expires: '2026-11-11' },
          ],
        },
      },
    );
    expect(placesOf(answer)).toEqual([
      'DG-PII-001 a.ts:3',
      'DG-PII-001 a.ts:4',
      'DG-PII-001 old/c.ts:1',
    ]);
    expect(answer.suppressed).toEqual({ inline: 1, policy: 1 });
    expect(answer.expiredAllowances).toEqual([{ path: 'old/**', expires: '2026-11-11' }]);
  });

  it('finds stores that nothing cleans and the policy does not know', async () => {
    await put({
      'sql/1.sql':
        'CREATE TABLE logins (at timestamptz);\nCREATE TABLE roles (id int);\nCREATE TABLE IF NOT EXISTS app.visits (seen_at timestamp);\nCREATE TABLE known (ts timestamptz);',
      'src/clean.ts': "sql('DELETE FROM visits WHERE seen_at < $1')",
      'config/app.yml': 'server:\n  log_dir: /var/log/app\n',
      'config/kept.yml': 'audit_dir: /var/audit\nretention_days: 30\n',
    });
    const stores = [{ name: 'known', kind: 'table' as const, kept_because: 'needed for ever' }];
    const { findings } = await scan({}, { stores });
    expect(findings.map(({ sample }) => sample)).toEqual(['/var/log/app', 'logins']);
    expect(placesOf(await scan({}, { stores }))).toEqual([
      'DG-RET-001 config/app.yml:2',
      'DG-RET-001 sql/1.sql:1',
    ]);
  });
});
