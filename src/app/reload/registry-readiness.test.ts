import { expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { registryReadiness } from './registry-readiness.ts';
import type { RegistryState } from './registry-watch.ts';

const refusedFor = (...paths: readonly string[]): RegistryState => ({
  kind: 'refused',
  error: new AppError('invalid_registry', 'first line\nsecond line', {
    violations: paths.map((path) => ({ path, message: 'daily: cron is wrong' })),
  }),
});

it.each<[RegistryState, string]>([
  [{ kind: 'in_force' }, '3 tasks in force'],
  [
    refusedFor('/etc/opsloop/tasks.yml:7:9'),
    '3 tasks in force; the file on disk is refused: tasks.yml:7:9 daily: cron is wrong',
  ],
  [
    refusedFor('registry/tasks.yml:7:9', 'registry/tasks.yml:8:1', 'registry/tasks.yml:9:1'),
    '3 tasks in force; the file on disk is refused: registry/tasks.yml:7:9 daily: cron is wrong (and 2 more)',
  ],
  [refusedFor(), '3 tasks in force; the file on disk is refused: first line'],
  [
    { kind: 'refused', error: new SyntaxError('in /srv/jobs/secret/job.js') },
    '3 tasks in force; the file on disk is refused: it cannot be loaded; the log says why',
  ],
  [
    { kind: 'waiting', reason: 'PostgreSQL is not available' },
    '3 tasks in force; the changed file is not in force yet: PostgreSQL is not available',
  ],
])('%j leaves the process ready and reads "%s"', (state, detail) => {
  expect(registryReadiness(3, state)).toEqual({ name: 'registry', ok: true, detail });
});
