import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { createTestDatabase, type TestDatabase } from '#test/support/postgres';
import { runCommand } from '#test/support/run-command';

let checkout = '';
let store: TestDatabase;
const children = new Set<ChildProcess>();

// Says that it began, and ends when it is told to and not before.
const PATIENT_JOB = `import { once } from 'node:events';
import { Type } from 'typebox';
import { defineJob } from '#job-kit/job';

export const job = defineJob({
  reads: 'live',
  inputs: Type.Object({ obeys: Type.Boolean({ default: true }) }, { additionalProperties: false }),
  needs: [],
  async run({ inputs, signal, log }) {
    log.info('the job has begun');
    await once(inputs.obeys ? signal : new AbortController().signal, 'abort');
    throw signal.reason;
  },
});
`;

const PATIENT_TASK = `  patient_task:
    title: Patient task
    description: Waits until it is told to stop.
    job: patient-job
    owner: platform
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
    inputs:
      type: object
      additionalProperties: false
      properties:
        obeys: { type: boolean, default: true }
`;

interface Watched {
  readonly child: ChildProcess;
  /** Resolves when standard error holds \`text\`; rejects when the process ends before. */
  says(text: string): Promise<void>;
  /** Exit code. */
  ended(): Promise<number | null>;
  output(): string;
}

const opsloop = (...args: readonly string[]): Watched => {
  const child = spawn(process.execPath, ['dist/src/main.js', ...args], {
    cwd: checkout,
    env: { PATH: process.env['PATH'], DATABASE_URL: store.dsn, GATEWAY_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  return {
    child,
    output: () => stdout,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!stderr.includes(text)) return;
          child.stderr.off('data', look);
          resolve();
        };
        child.stderr.on('data', look);
        child.once('close', () => reject(new Error(`ended without "${text}":\n${stderr}`)));
        look();
      }),
    async ended() {
      await closed;
      return child.exitCode;
    },
  };
};

beforeAll(async () => {
  checkout = await mkdtemp(path.join(os.tmpdir(), 'opsloop-checkout-'));
  const ours = (name: string): string => path.join(packageRoot(), name);
  const at = (name: string): string => path.join(checkout, name);
  await symlink(ours('node_modules'), at('node_modules'));
  for (const name of ['src', 'jobs', 'registry', 'config', 'migrations', 'scripts'])
    await cp(ours(name), at(name), { recursive: true });
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json'])
    await cp(ours(name), at(name));
  await mkdir(at('jobs/patient-job'));
  await writeFile(at('jobs/patient-job/job.ts'), PATIENT_JOB);
  await appendFile(at('registry/task_registry.yml'), PATIENT_TASK);
  await runCommand(process.execPath, ['scripts/build.mjs'], checkout);
});

// A run that was left alone would be taken over by the next test's worker.
beforeEach(async () => {
  store = await createTestDatabase();
});

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
  children.clear();
  await store.drop();
});

afterAll(() => rm(checkout, { recursive: true, force: true }));

describe('a run in this process', () => {
  it('is cancelled by Ctrl-C and ends with 130', async () => {
    const run = opsloop('run', 'patient_task', '--json');
    await run.says('the job has begun');
    run.child.kill('SIGINT');
    expect(await run.ended()).toBe(130);
    expect(JSON.parse(run.output())).toMatchObject({ state: 'cancelled', task_id: 'patient_task' });
  });

  it('is left at once by a second Ctrl-C', async () => {
    const run = opsloop('run', 'patient_task', '--input', 'obeys=false');
    await run.says('the job has begun');
    run.child.kill('SIGINT');
    await run.says('press Ctrl-C again');
    run.child.kill('SIGINT');
    expect(await run.ended()).toBe(1);
  });
});

describe('a run of a running system', () => {
  it('goes on when Ctrl-C stops following it', async () => {
    const system = opsloop('start', '--role', 'worker');
    await system.says('registry applied');
    const run = opsloop('run', 'patient_task', '--wait');
    await run.says('the job has begun');
    run.child.kill('SIGINT');
    expect(await run.ended()).toBe(130);
    const list = opsloop('runs', 'list', '--state', 'running', '--json');
    expect(await list.ended()).toBe(0);
    const [running] = (JSON.parse(list.output()) as { runs: { run_id: string }[] }).runs;
    expect(running).toMatchObject({ task_id: 'patient_task', state: 'running' });

    const follow = opsloop('runs', 'show', running?.run_id ?? '', '--follow');
    await follow.says('the job has begun');
    expect(await opsloop('runs', 'cancel', running?.run_id ?? '').ended()).toBe(0);
    expect(await follow.ended()).toBe(130);
    expect(follow.output()).toMatch(/^cancelled {2}patient_task/);

    system.child.kill('SIGTERM');
    expect(await system.ended()).toBe(0);
  });
});
