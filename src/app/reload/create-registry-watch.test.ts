import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadSettings, type Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import { packageRoot } from '#core/package-root';
import { LiveCatalog } from '#runner/live-catalog';
import { silentLogger } from '#telemetry/logger';
import { loadCatalog } from '../load-catalog.ts';
import { createRegistryWatch } from './create-registry-watch.ts';
import { registryReadiness } from './registry-readiness.ts';

const HELD_INPUTS = `    inputs:
      type: object
      additionalProperties: false
      properties: { until_file: { type: string, default: / } }`;

const registryOf = (...jobs: readonly string[]): string =>
  [
    'version: 1',
    'tasks:',
    ...jobs.flatMap((job, index) => [
      `  task_${index}:`,
      `    title: Task ${index}`,
      '    description: A task of a test.',
      `    job: ${job}`,
      '    owner: test',
      '    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }',
      ...(job === 'held' ? [HELD_INPUTS] : []),
    ]),
    '',
  ].join('\n');

let folder: string;
let settings: Settings;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'opsloop-room-'));
  writeFileSync(path.join(folder, 'tasks.yml'), registryOf('held', 'stubborn'));
  settings = loadSettings({
    env: {
      OPSLOOP_REGISTRY: 'tasks.yml',
      OPSLOOP_JOBS_DIR: path.join(packageRoot(), 'test', 'fixtures', 'jobs'),
    },
    cwd: folder,
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const reload = async (options: {
  readonly appliesSchedules: boolean;
  readonly queueLimit: number | null;
}) => {
  const loaded = await loadCatalog(settings);
  const catalog = new LiveCatalog(loaded.catalog);
  const watch = createRegistryWatch({
    settings,
    logger: silentLogger(),
    clock: systemClock,
    // Neither the ledger nor the queue is asked for what a test is about.
    engines: { database: {}, queue: {}, queueLimit: options.queueLimit } as never,
    catalog,
    text: loaded.source.text,
    appliesSchedules: options.appliesSchedules,
  });
  writeFileSync(settings.registryFile, registryOf('held', 'stubborn', 'stubborn'));
  try {
    await watch.reload();
    return registryReadiness(catalog.size, watch.state).detail;
  } finally {
    await watch.stop();
  }
};

it('refuses a registry with more queues than the worker has connections for, and says what helps', async () => {
  expect(await reload({ appliesSchedules: true, queueLimit: 2 })).toBe(
    '2 tasks in force; the file on disk is refused: the registry names 3 queues, and this process was started with connections for 2; start it again to serve them',
  );
});

it('takes any number in a process that consumes none', async () => {
  expect(await reload({ appliesSchedules: false, queueLimit: 0 })).toBe('3 tasks in force');
});
