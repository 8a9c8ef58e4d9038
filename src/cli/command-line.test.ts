import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { packageVersion } from '#core/package-version';
import { parseRegistry } from '#registry/parse-registry';
import { renderTaskReference } from '#registry/task-reference';
import { runCommandLine } from './command-line.ts';

const collector = () => {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
};

const opsloop = async (argv: readonly string[], directory = packageRoot()) => {
  const out = collector();
  const err = collector();
  const exitCode = await runCommandLine({
    argv,
    stdout: out.stream,
    stderr: err.stream,
    directory,
    claimStopSignal: () => new AbortController().signal,
  });
  return { exitCode, stdout: out.text(), stderr: err.text() };
};

const COMMANDS = [
  ['start'],
  ['migrate'],
  ['registry', 'validate'],
  ['registry', 'schema'],
  ['registry', 'show'],
  ['registry', 'plan'],
  ['registry', 'apply'],
  ['registry', 'cron'],
  ['registry', 'docs'],
  ['run'],
  ['runs', 'list'],
  ['runs', 'show'],
  ['runs', 'cancel'],
  ['runs', 'retry'],
  ['backfill'],
  ['backfill', 'start'],
  ['backfill', 'daily_cost_digest'],
  ['backfill', 'list'],
  ['backfill', 'show'],
  ['backfill', 'cancel'],
  ['occurrences'],
  ['alarms'],
  ['tasks', 'list'],
  ['tasks', 'show'],
  ['tasks', 'pause'],
  ['tasks', 'resume'],
  ['keys', 'create'],
  ['keys', 'list'],
  ['keys', 'rotate'],
  ['keys', 'revoke'],
  ['audit', 'adopt'],
  ['audit', 'compact'],
  ['audit', 'cleanup'],
  ['audit', 'verify'],
  ['new-job'],
];

describe('help', () => {
  it('lists the commands and documents the exit codes', async () => {
    const { exitCode, stdout, stderr } = await opsloop(['--help']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    for (const [name = ''] of COMMANDS) expect(stdout).toContain(`  ${name} `);
    expect(stdout).toMatch(/Exit codes:\n {2}0 /);
  });

  it.each(COMMANDS)('of %s %s shows an example and --json', async (...command) => {
    const { exitCode, stdout } = await opsloop([...command, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Examples:\n {2}\$ /);
    expect(stdout).toContain('--json');
  });

  it('has no colours where there is no terminal', async () => {
    const { stdout } = await opsloop(['run', '--help']);
    expect(stdout).not.toContain('\u001b');
  });

  it('knows the version', async () => {
    const { exitCode, stdout } = await opsloop(['--version']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${packageVersion()}\n` });
  });
});

describe('wrong arguments end with 2 and say what is accepted', () => {
  it.each([
    [['rn'], /unknown command 'rn'\n\(Did you mean run\?\)/],
    [['runs', 'lst'], /unknown command 'lst'\n\(Did you mean list\?\)/],
    [['run'], /missing required argument 'task'/],
    [['run', 'a', '--dry-rn'], /unknown option '--dry-rn'\n\(Did you mean --dry-run\?\)/],
    [['start', '--role', 'boss'], /Allowed choices are all, gateway, worker/],
    [['runs', '--state', 'lost'], /Accepted: queued, running, succeeded/],
    [['runs', 'list', '--limit', '501'], /Accepted: a whole number from 1 to 500/],
    [['runs', 'list', '--limit', '1e2'], /Accepted: a whole number from 1 to 500/],
    [['runs', 'list', '--from', 'yesterday'], /Accepted: 2026-11-05 or 2026-11-05T09:00:00Z/],
    [['runs', 'list', '--from', '2026-11-05T09:00:00'], /with its zone/],
    [['runs', 'list', '--from', '2026-02-30'], /Accepted: 2026-11-05 or/],
    [['audit', 'verify', '--from', '2026-11-05T09:00:00Z'], /Accepted: a day such as 2026-11-05/],
    [['audit', 'verify', '--source', 'redis'], /Accepted: jsonl, postgres/],
    [['audit', 'cleanup', '--retention-days', '0'], /Accepted: a whole number from 1 to 36500/],
    [['migrate', '--grants', '--dry-run'], /cannot be used with option '--dry-run'/],
    [['runs', 'list', '--from', '2026-02-30T09:00:00Z'], /Accepted: 2026-11-05 or/],
    [['occurrences', '--state', 'late'], /Accepted: open, ran, ran_late, caught_up, skipped/],
    [['occurrences', '--limit', '5001'], /Accepted: a whole number from 1 to 5000/],
    [['backfill', 'a'], /--from <day>' not specified/],
    [['backfill', 'a', '--from', '2026-11-05'], /--to <day>' not specified/],
    [['backfill', '--to', '2026-11-05', 'a', '--from', 'monday'], /Accepted: 2026-11-05 or/],
    [['backfill', 'show'], /missing required argument 'backfill'/],
    [['backfill'], /Usage: opsloop backfill <task>/],
    [['tasks', 'pause', 'a'], /--reason <text>' not specified/],
    [['keys', 'create', 'x'], /--role <role>' not specified/],
    [['new-job', 'Demo'], /"Demo" is not a job name: accepted are/],
  ])('%j', async (argv, expected) => {
    const { exitCode, stdout, stderr } = await opsloop(argv);
    expect(stderr).toMatch(expected);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });
});

describe('errors', () => {
  it('of an invalid registry all stand on standard error with their places', async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'opsloop-registry-'));
    try {
      const file = path.join(directory, 'registry.yml');
      await writeFile(file, 'version: 1\ntasks:\n  a:\n    titel: A\n    job: 7\n');
      const { exitCode, stderr, stdout } = await opsloop(['registry', 'validate', file]);
      expect(exitCode).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/registry\.yml:4:5/);
      expect(stderr).toMatch(/registry\.yml:5:10/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('stand on standard output as JSON when it was asked for', async () => {
    const { exitCode, stdout, stderr } = await opsloop(['new-job', 'Demo', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'invalid_input' } });
    expect(stderr).toMatch(/^error: /);
  });

  it('name the directory that does not exist', async () => {
    const { exitCode, stderr } = await opsloop(['audit', 'adopt', 'no/such/directory']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/directory is not an existing directory/);
  });
});

describe('registry docs', () => {
  it('prints the reference of the tasks', async () => {
    const { exitCode, stdout, stderr } = await opsloop(['registry', 'docs']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const file = 'registry/task_registry.yml';
    const text = await readFile(path.join(packageRoot(), file), 'utf8');
    expect(stdout).toBe(renderTaskReference(parseRegistry({ file, text })));
    const json = await opsloop(['registry', 'docs', '--json']);
    expect(JSON.parse(json.stdout)).toEqual({ file, markdown: stdout });
  });
});

describe('registry schema', () => {
  it('is a JSON Schema', async () => {
    const { exitCode, stdout } = await opsloop(['registry', 'schema']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: ['version', 'tasks'] });
  });
});
