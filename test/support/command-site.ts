import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from './redis.ts';
import { runCommand, type SystemProcess, startSystemProcess } from './system-process.ts';

export interface CommandAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes a report that names its instant; told to, it fails for one of them. */
const HISTORY_JOB = `
export const job = {
  reads: 'history',
  needs: [],
  inputs: { type: 'object', properties: { note: { type: 'string' }, bad_day: { type: 'string' } } },
  async run({ inputs, scheduledFor, reports }) {
    const at = scheduledFor.toISOString();
    if (at.startsWith(inputs.bad_day)) return { kind: 'failed', reason: 'a bad day', retry: 'final' };
    await reports.publish({ json: { at, note: inputs.note }, markdown: \`Of \${at}.\\n\` });
    return { kind: 'succeeded', summary: { at } };
  },
};
`;

/** Looks at what is there now. */
const LIVE_JOB = `
export const job = {
  reads: 'live',
  needs: [],
  inputs: { type: 'object', properties: {} },
  run: async () => ({ kind: 'succeeded', summary: {} }),
};
`;

/** Goes on until its signal aborts, and says that it has begun by a file in the working directory. */
const PATIENT_JOB = `
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';

export const job = {
  reads: 'history',
  needs: [],
  inputs: { type: 'object', properties: {} },
  async run({ signal }) {
    writeFileSync('begun', '');
    if (!signal.aborted) await once(signal, 'abort');
    throw signal.reason;
  },
};
`;

const JOBS = { history: HISTORY_JOB, live: LIVE_JOB, patient: PATIENT_JOB } as const;

const INPUTS: Readonly<Record<keyof typeof JOBS, string>> = {
  history: '{ note: { type: string, default: plain }, bad_day: { type: string, default: never } }',
  live: '{}',
  patient: '{}',
};

export interface SiteTask {
  readonly job?: keyof typeof JOBS;
  readonly cron?: string | null;
  readonly timezone?: string;
  /** Further lines of the entry, such as `timeout: 10m`. */
  readonly more?: readonly string[];
}

const taskText = (id: string, task: SiteTask): string => {
  const { job = 'history', cron = '0 9 * * *', timezone = 'UTC', more = [] } = task;
  return [
    `  ${id}:`,
    `    title: The ${id}`,
    '    description: A task of a test.',
    `    job: ${job}`,
    '    owner: test',
    ...(cron === null ? [] : [`    schedule: { cron: "${cron}", timezone: ${timezone} }`]),
    `    timezone: ${timezone}`,
    '    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }',
    '    inputs:',
    '      type: object',
    '      additionalProperties: false',
    `      properties: ${INPUTS[job]}`,
    ...(job === 'history'
      ? [
          '    outputs:',
          `      - "ops/reports/${id}/{scheduled_for:yyyy-MM-dd}.json"`,
          `      - "ops/reports/${id}/{scheduled_for:yyyy-MM-dd}.md"`,
        ]
      : []),
    ...more.map((line) => `    ${line}`),
  ].join('\n');
};

/** A directory with a registry, jobs and engines of its own, in which the built CLI is run. */
export interface CommandSite {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** The ledger's database, for what a test plants or looks at; none where it is the embedded one. */
  readonly ledger: TestDatabase | null;
  run(...args: readonly string[]): Promise<CommandAnswer>;
  /** Runs with `--json` and reads the answer. */
  json<Body>(
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly body: Body }>;
  /** Replaces the registry by these tasks, and the folder of jobs by theirs. */
  declare(tasks: Readonly<Record<string, SiteTask>>): void;
  start(role?: 'all' | 'gateway' | 'worker'): Promise<SystemProcess>;
  close(): Promise<void>;
}

export const openCommandSite = async (
  backend: 'redis' | 'postgres' | 'embedded',
): Promise<CommandSite> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'opsloop-site-'));
  // As root the embedded database runs as another user, who has to get there.
  chmodSync(directory, 0o755);
  const ledger = backend === 'embedded' ? null : await createTestDatabase();
  const prefix = testKeyPrefix();
  const env = {
    GATEWAY_PORT: '0',
    OPSLOOP_REGISTRY: path.join(directory, 'registry.yml'),
    OPSLOOP_JOBS_DIR: path.join(directory, 'jobs'),
    ...(ledger === null ? {} : { DATABASE_URL: ledger.dsn }),
    ...(backend === 'redis' ? { REDIS_URL: sharedRedisUrl(), QUEUE_PREFIX: prefix } : {}),
  };
  const systems: SystemProcess[] = [];
  const run: CommandSite['run'] = (...args) => runCommand(args, { cwd: directory, env });
  return {
    directory,
    env,
    ledger,
    run,
    async json<Body>(...args: readonly string[]) {
      const { code, stdout, stderr } = await run(...args, '--json');
      try {
        return { code, body: JSON.parse(stdout) as Body };
      } catch {
        throw new Error(`${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
      }
    },
    declare(tasks) {
      const jobs = new Set(Object.values(tasks).map(({ job }) => job ?? 'history'));
      rmSync(env.OPSLOOP_JOBS_DIR, { recursive: true, force: true });
      for (const job of jobs) {
        mkdirSync(path.join(env.OPSLOOP_JOBS_DIR, job), { recursive: true });
        writeFileSync(path.join(env.OPSLOOP_JOBS_DIR, job, 'job.js'), JOBS[job]);
      }
      const texts = Object.entries(tasks).map(([id, task]) => taskText(id, task));
      writeFileSync(env.OPSLOOP_REGISTRY, `version: 1\ntasks:\n${texts.join('\n')}\n`);
    },
    async start(role = 'worker') {
      const system = await startSystemProcess({ cwd: directory, env, role });
      systems.push(system);
      return system;
    },
    async close() {
      for (const system of systems) {
        system.signal('SIGKILL');
        await system.ended;
      }
      await ledger?.drop();
      if (backend === 'redis') await dropKeys(sharedRedisUrl(), prefix);
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
