import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJob } from '#cli/scaffold/create-job';
import { packageRoot } from '#core/package-root';
import { parseRegistry } from '#registry/parse-registry';
import { runCommand } from '#test/support/run-command';

// A job's test needs no engine, so none is started for it.
const JOB_CONFIG = `import all from './vitest.config.ts';

export default { ...all, test: { ...all.test, globalSetup: [] } };
`;

let checkout = '';

const at = (...steps: readonly string[]): string => path.join(checkout, ...steps);

const run = (tool: string, ...args: readonly string[]) =>
  runCommand(process.execPath, [at('node_modules', ...tool.split('/')), ...args], checkout);

/** Names of everything in a folder with the content of each file. */
const snapshot = async (folder: string): Promise<ReadonlyMap<string, string>> => {
  const entries = await readdir(at(folder), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const read = files.map(
    async (file) => [path.relative(checkout, file), await readFile(file, 'utf8')] as const,
  );
  return new Map(await Promise.all(read));
};

// A checkout of its own, whose code is this one's.
beforeAll(async () => {
  checkout = await mkdtemp(path.join(os.tmpdir(), 'opsloop-checkout-'));
  const ours = (name: string): string => path.join(packageRoot(), name);
  for (const name of ['node_modules', 'src', 'test', 'config', 'migrations', 'scripts', 'bin'])
    await symlink(ours(name), at(name));
  for (const name of [
    'jobs',
    'registry',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'vitest.config.ts',
    'biome.json',
  ])
    await cp(ours(name), at(name), { recursive: true });
  await writeFile(at('vitest.job.config.ts'), JOB_CONFIG);
});

afterAll(() => rm(checkout, { recursive: true, force: true }));

describe('opsloop new-job', () => {
  it('writes a job that passes, and touches nothing else', async () => {
    const before = await snapshot('.');
    const created = await createJob({ root: checkout, name: 'scaffold-probe' });
    expect(created).toEqual({
      name: 'scaffold-probe',
      taskId: 'scaffold_probe',
      files: [
        'jobs/scaffold-probe/job.ts',
        'jobs/scaffold-probe/job.test.ts',
        'registry/task_registry.yml',
      ],
    });

    const after = await snapshot('.');
    const changed = [...after.keys()].filter((file) => after.get(file) !== before.get(file));
    expect(changed.sort()).toEqual([...created.files].sort());
    expect([...before.keys()].filter((file) => !after.has(file))).toEqual([]);

    const file = 'registry/task_registry.yml';
    const wasIn = parseRegistry({ file, text: before.get(file) ?? '' });
    const isIn = parseRegistry({ file, text: after.get(file) ?? '' });
    expect([...isIn.tasks.keys()]).toEqual([...wasIn.tasks.keys(), 'scaffold_probe']);

    await run('@biomejs/biome/bin/biome', 'check', '--vcs-enabled=false', 'jobs/scaffold-probe');
    await writeFile(
      at('tsconfig.demo.json'),
      JSON.stringify({ extends: './tsconfig.json', include: ['jobs/scaffold-probe'] }),
    );
    await run('typescript/bin/tsc', '-p', 'tsconfig.demo.json');
    const tests = await run(
      'vitest/vitest.mjs',
      'run',
      '--config=vitest.job.config.ts',
      '--reporter=json',
      'jobs/scaffold-probe',
    );
    expect(JSON.parse(tests.stdout)).toMatchObject({ numPassedTests: 2, numTotalTests: 2 });
  });

  it.each([
    'Demo',
    'scaffold_probe',
    '-demo',
    'demo-',
    '../demo',
    'demo job',
    '',
    '1demo',
    'd'.repeat(61),
  ])('refuses the name %j', async (name) => {
    const before = await snapshot('jobs');
    await expect(createJob({ root: checkout, name })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(await snapshot('jobs')).toEqual(before);
  });

  it('refuses a name that is taken and leaves what is there', async () => {
    await createJob({ root: checkout, name: 'taken-job' });
    const before = await snapshot('.');
    await expect(createJob({ root: checkout, name: 'taken-job' })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await snapshot('.')).toEqual(before);
  });

  it('leaves no folder behind when the registry cannot take the task', async () => {
    await createJob({ root: checkout, name: 'half-way' });
    await rm(at('jobs', 'half-way'), { recursive: true });
    const before = await snapshot('.');
    await expect(createJob({ root: checkout, name: 'half-way' })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await snapshot('.')).toEqual(before);
  });
});
