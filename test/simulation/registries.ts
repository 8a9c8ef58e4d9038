import { Type } from 'typebox';
import type { TaskId } from '#core/ids';
import type { JobDefinition } from '#job-kit/job';
import { registryDigest } from '#registry/declaration';
import type { BlackoutCalendar, TaskDefinition } from '#registry/task';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { createTaskCatalog, type TaskCatalog } from '#runner/task-catalog';
import { makeTask } from '../support/runner-world.ts';
import type { Dice } from './seeded-random.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A registry file of some moment. */
export interface SimulatedRegistry {
  readonly catalog: TaskCatalog;
  readonly digest: string;
}

const CALENDARS: readonly BlackoutCalendar[] = [
  {
    name: 'freeze',
    title: 'Freeze',
    timezone: 'Europe/Berlin',
    action: 'skip',
    windows: [{ kind: 'recurring', cron: '0 22 * * 5', durationMs: 8 * HOUR_MS }],
  },
  {
    name: 'nightly',
    title: 'Nightly maintenance',
    timezone: 'America/New_York',
    action: 'delay',
    windows: [{ kind: 'recurring', cron: '30 1 * * *', durationMs: 2 * HOUR_MS }],
  },
];

const CRONS = {
  quick: ['*/15 * * * *', '*/30 * * * *', '5,35 * * * *'],
  hourly: ['0 * * * *', '20 * * * *', '0 */2 * * *', '45 */3 * * *'],
  daily: ['0 9 * * *', '30 2 * * *', '30 1 * * *', '10 0 * * *', '0 6 * * 1-5'],
  rare: ['0 2 * * 1', '0 5 1 * *', '20 6 * * 1'],
} as const;

const ZONES = ['UTC', 'UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'];

const kindOf = (index: number): keyof typeof CRONS => {
  if (index < 1) return 'quick';
  if (index < 6) return 'hourly';
  return index < 32 ? 'daily' : 'rare';
};

/** A task of a kind that its number decides, with policies that the dice decide. */
const randomTask = (index: number, dice: Dice): TaskDefinition => {
  const id = `task_${index}`;
  const timezone = dice.pick(ZONES);
  return makeTask(id, {
    job: 'job',
    schedule: { cron: dice.pick(CRONS[kindOf(index)]), timezone },
    timezone,
    overlap: dice.pick(['skip', 'skip', 'queue', 'allow']),
    catchUp: dice.pick(['none', 'latest', 'all']),
    catchUpWindowMs: dice.pick([6 * HOUR_MS, DAY_MS, 7 * DAY_MS]),
    blackouts: dice.chance(0.2) ? [dice.pick(CALENDARS).name] : [],
    keepRunsMs: 365 * DAY_MS,
    enabled: !dice.chance(0.05),
  });
};

/** Which task a follower comes after, by its number; null for a task with a schedule. */
export const predecessorOf = (taskId: TaskId): TaskId | null => {
  const [, index] = /^after_(\d+)$/.exec(taskId) ?? [];
  return index === undefined ? null : (`task_${Number(index) - 20}` as TaskId);
};

/** Tasks that start after others: the last numbers of a registry. */
const followers = (tasks: ReadonlyMap<TaskId, TaskDefinition>, dice: Dice): TaskDefinition[] =>
  [36, 37, 38].flatMap((index) => {
    const id = `after_${index}` as TaskId;
    const before = tasks.get(predecessorOf(id) ?? id);
    return before === undefined
      ? []
      : [
          makeTask(id, {
            job: 'job',
            after: [before.id],
            catchUp: dice.pick(['latest', 'all']),
            catchUpWindowMs: 7 * DAY_MS,
            keepRunsMs: 365 * DAY_MS,
          }),
        ];
  });

const JOB: JobDefinition = {
  reads: 'history',
  inputs: Type.Object({}),
  needs: [],
  run: async () => ({ kind: 'succeeded', summary: {} }),
};

const build = (tasks: ReadonlyMap<TaskId, TaskDefinition>, dice: Dice): SimulatedRegistry => {
  const all = new Map(tasks);
  for (const task of followers(tasks, dice)) all.set(task.id, task);
  const catalog = createTaskCatalog(
    {
      file: 'simulated',
      tasks: all,
      blackouts: new Map(CALENDARS.map((calendar) => [calendar.name, calendar])),
      reconcile: 'enforce',
    },
    new Map([['job', JOB]]),
  );
  const { declarations, reconcile } = declareRegistry(catalog);
  return { catalog, digest: registryDigest([...declarations.values()], reconcile) };
};

/** The file as engineers edit it over time. */
export class RegistryFile {
  readonly #dice: Dice;
  readonly #tasks = new Map<TaskId, TaskDefinition>();
  current: SimulatedRegistry;

  constructor(size: number, dice: Dice) {
    this.#dice = dice;
    for (let index = 0; index < size; index += 1) this.#set(randomTask(index, dice));
    this.current = build(this.#tasks, dice);
  }

  /** Adds, changes, disables or removes a task. */
  edit(): void {
    const dice = this.#dice;
    const index = dice.whole(0, 39);
    const id = `task_${index}` as TaskId;
    const known = this.#tasks.get(id);
    if (known === undefined) this.#set(randomTask(index, dice));
    else if (dice.chance(0.2)) this.#tasks.delete(id);
    else if (dice.chance(0.3)) this.#set({ ...known, enabled: !known.enabled });
    else this.#set({ ...randomTask(index, dice), enabled: known.enabled });
    this.current = build(this.#tasks, dice);
  }

  #set(task: TaskDefinition): void {
    this.#tasks.set(task.id, task);
  }
}
