import { Type } from 'typebox';
import type { TaskId } from '#core/ids';
import { defineJob, type JobDefinition } from '#job-kit/job';
import type { Registry, TaskDefinition } from '#registry/task';

const base = {
  owner: 'platform',
  timezone: 'UTC',
  permissions: { start: ['tools.jobs.start'], read: ['tools.jobs.read'] },
  outputs: [],
  dryRun: true,
  destructive: false,
  isolate: false,
  enabled: true,
  timeoutMs: 60_000,
  attempts: 1,
  backoff: { type: 'fixed', delayMs: 1_000, jitter: 0 },
  overlap: 'allow',
  catchUp: 'none',
  catchUpWindowMs: 86_400_000,
  lateAfterMs: 'auto',
  keepRunsMs: 86_400_000,
  maxCrashes: 2,
  queue: null,
  after: [],
  blackouts: [],
  notify: null,
  position: { line: 1, column: 1 },
} as const satisfies Partial<TaskDefinition>;

const noInputs = { type: 'object', additionalProperties: false, properties: {} };

const TASKS: readonly TaskDefinition[] = [
  {
    ...base,
    id: 'window_digest' as TaskId,
    title: 'Window digest',
    description: 'Counts what happened in a window.',
    job: 'obedient',
    group: 'cost',
    schedule: { cron: '0 9 * * *', timezone: 'UTC' },
    inputs: {
      type: 'object',
      additionalProperties: false,
      properties: {
        window_hours: { type: 'integer', minimum: 1, maximum: 744, default: 24 },
        note: { type: 'string', maxLength: 200 },
      },
    },
  },
  {
    ...base,
    id: 'always_fails' as TaskId,
    title: 'Always fails <script>alert(1)</script>',
    description: 'Fails with <img src=x onerror=alert(2)> in its message.',
    job: 'failing',
    group: 'audit',
    schedule: null,
    inputs: noInputs,
  },
  {
    ...base,
    id: 'guarded_sweep' as TaskId,
    title: 'Guarded sweep',
    description: 'Deletes, so it wants a dry-run first.',
    job: 'obedient',
    group: 'audit',
    schedule: { cron: '30 3 * * *', timezone: 'UTC' },
    destructive: true,
    permissions: {
      start: ['tools.jobs.start', 'tools.cost.read'],
      read: ['tools.jobs.read', 'tools.cost.read'],
    },
    inputs: noInputs,
  },
  {
    ...base,
    id: 'shared_one' as TaskId,
    title: 'First of a shared queue',
    description: 'Shares its queue.',
    job: 'obedient',
    group: 'platform',
    schedule: null,
    queue: 'shared-work',
    inputs: noInputs,
  },
  {
    ...base,
    id: 'shared_two' as TaskId,
    title: 'Second of a shared queue',
    description: 'Shares its queue.',
    job: 'obedient',
    group: 'platform',
    schedule: null,
    queue: 'shared-work',
    inputs: noInputs,
  },
];

/** A registry with one task for each case that callers meet. */
export const testRegistry = (): Registry => ({
  file: 'test',
  tasks: new Map(TASKS.map((task) => [task.id, task])),
  blackouts: new Map(),
  reconcile: 'enforce',
});

const succeed = defineJob({
  reads: 'live',
  inputs: Type.Object({}),
  needs: [],
  run: async () => ({ kind: 'succeeded', summary: { counted: 3 } }),
});

const fail = defineJob({
  reads: 'live',
  inputs: Type.Object({}),
  needs: [],
  run: async () => ({
    kind: 'failed',
    reason: 'refused by <img src=x onerror=alert(3)>',
    retry: 'final',
  }),
});

export const testJobs = (): ReadonlyMap<string, JobDefinition> =>
  new Map<string, JobDefinition>([
    ['obedient', succeed as unknown as JobDefinition],
    ['failing', fail as unknown as JobDefinition],
  ]);
