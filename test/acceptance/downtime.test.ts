import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { packageRoot } from '#core/package-root';
import { auditEvent } from '../support/audit-events.ts';
import { backdateDeclarations } from '../support/backdate-declarations.ts';
import { instantsOfSixHours, QUIET_MINUTE, SIX_HOURS_MS } from '../support/hourly-downtime.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { runCommand, startSystemProcess } from '../support/system-process.ts';

const REPORTS = path.join('ops', 'reports', 'cost');

/** The shipped registry with the cost digest hourly, so that six of them fall into a downtime. */
const hourlyRegistry = async (): Promise<string> => {
  const shipped = await readFile(path.join(packageRoot(), 'registry', 'task_registry.yml'), 'utf8');
  const [before = '', digest = ''] = shipped.split(/(?=^ {2}daily_cost_digest:)/m);
  const hourly = digest
    .replace(/cron: "0 9 \* \* \*"/, `cron: "${QUIET_MINUTE} * * * *"`)
    .replaceAll('{scheduled_for:yyyy-MM-dd}', '{scheduled_for:yyyyMMddTHHmmssZ}');
  expect(hourly).not.toBe(digest);
  return `${before}${hourly}`;
};

const eventAt = (at: Date, n: number): string => {
  const event = auditEvent({ ts: at.toISOString(), req_id: `r-${n}`, in_size: 10 + n });
  return `${JSON.stringify(event)}\n`;
};

class Installation {
  readonly directory: string;
  readonly store: TestDatabase;

  constructor(directory: string, store: TestDatabase) {
    this.directory = directory;
    this.store = store;
  }

  static async create(): Promise<Installation> {
    const directory = await mkdtemp(path.join(tmpdir(), 'opsloop-downtime-'));
    await mkdir(path.join(directory, 'registry'), { recursive: true });
    await mkdir(path.join(directory, 'ops', 'audit'), { recursive: true });
    await writeFile(path.join(directory, 'registry', 'task_registry.yml'), await hourlyRegistry());
    return new Installation(directory, await createTestDatabase({ template: 'empty' }));
  }

  get process(): { readonly cwd: string; readonly env: Readonly<Record<string, string>> } {
    return {
      cwd: this.directory,
      env: {
        DATABASE_URL: this.store.dsn,
        GATEWAY_PORT: '0',
        AUDIT_BACKEND: 'jsonl',
        REPO_ROOT: this.directory,
        OPSLOOP_REGISTRY: path.join(this.directory, 'registry', 'task_registry.yml'),
        OPSLOOP_POLICY_DIR: path.join(packageRoot(), 'config'),
        OPSLOOP_JOBS_DIR: path.join(packageRoot(), 'dist', 'jobs'),
      },
    };
  }

  async append(at: Date, n: number): Promise<void> {
    const file = `tool_audit_${at.toISOString().slice(0, 10)}.jsonl`;
    await appendFile(path.join(this.directory, 'ops', 'audit', file), eventAt(at, n));
  }

  async reports(): Promise<Readonly<Record<string, string>>> {
    const folder = path.join(this.directory, REPORTS);
    const names = (await readdir(folder)).filter((name) => /\.(json|md)$/.test(name)).sort();
    const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
    return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
  }

  async remove(): Promise<void> {
    await this.store.drop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

describe('a system that was down for six hours', () => {
  let down: Installation;
  let inTime: Installation;
  beforeAll(async () => {
    [down, inTime] = [await Installation.create(), await Installation.create()];
  });
  afterAll(async () => {
    await down.remove();
    await inTime.remove();
  });

  it('catches up each digest, with the very bytes that it would have had in time', async () => {
    const instants = instantsOfSixHours();
    const calls = instants.flatMap((instant) =>
      [50, 20, 5].map((minutes) => new Date(instant.getTime() - minutes * 60_000)),
    );
    // In time: each digest is written when only what had happened by then was there.
    let written = 0;
    for (const instant of instants) {
      for (; written < calls.length; written += 1) {
        const at = calls[written];
        if (at === undefined || at >= instant) break;
        await inTime.append(at, written);
      }
      const scheduledFor = instant.toISOString();
      const ran = await runCommand(
        ['run', 'daily_cost_digest', '--scheduled-for', scheduledFor, '--inline', '--json'],
        inTime.process,
      );
      expect(ran, ran.stderr).toMatchObject({ code: 0 });
    }

    // Down: the registry was applied, then nothing ran while the calls went on.
    const before = await startSystemProcess(down.process);
    before.signal('SIGTERM');
    await before.ended;
    await backdateDeclarations(down.store.database, SIX_HOURS_MS);
    for (const [n, at] of calls.entries()) await down.append(at, n);
    const after = await startSystemProcess(down.process);
    try {
      const listed = await vi.waitFor(
        async () => {
          const { stdout } = await runCommand(
            [
              'occurrences',
              '--task',
              'daily_cost_digest',
              '--from',
              new Date(Date.now() - SIX_HOURS_MS).toISOString(),
              '--json',
            ],
            down.process,
          );
          const { occurrences } = JSON.parse(stdout) as {
            occurrences: { scheduled_for: string; state: string }[];
          };
          if (occurrences.filter(({ state }) => state === 'caught_up').length < instants.length)
            throw new Error(`not yet: ${stdout}`);
          return occurrences;
        },
        { timeout: 50_000, interval: 500 },
      );
      expect(listed.map(({ scheduled_for: at }) => at).sort()).toEqual(
        instants.map((instant) => instant.toISOString()),
      );
    } finally {
      after.signal('SIGTERM');
      await after.ended;
    }
    const reports = await down.reports();
    expect(Object.keys(reports)).toHaveLength(2 * instants.length);
    expect(reports).toEqual(await inTime.reports());
  }, 120_000);
});
