import { inputsHash, type TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import { compileSchema, type Validator } from '#core/schema';
import type { JobDefinition } from '#job-kit/job';
import { followedSchedules } from '#registry/followed-schedule';
import type {
  BlackoutCalendar,
  ReconcilePolicy,
  Registry,
  Schedule,
  TaskDefinition,
} from '#registry/task';

/** A task with what follows from its entry in the registry: data alone, so that another process can be sent it. */
export interface TaskEntry {
  readonly task: TaskDefinition;
  /** The inputs that a scheduled run gets: the schema's defaults. Null when the schema has required inputs without one. */
  readonly scheduleInputs: JsonObject | null;
  readonly scheduleInputsHash: string | null;
  readonly queueName: string;
  /** For whose instants the task runs by itself: its own schedule, or that of the tasks it comes after. */
  readonly expects: Schedule | null;
  /** The calendars that the task names. */
  readonly calendars: readonly BlackoutCalendar[];
}

/** A task with its job. */
export interface CatalogEntry extends TaskEntry {
  readonly job: JobDefinition;
  readonly inputs: Validator<JsonObject>;
}

/** The tasks of a registry by id, with what it says of them all. */
export interface TaskCatalog extends ReadonlyMap<TaskId, CatalogEntry> {
  readonly reconcile: ReconcilePolicy;
  /**
   * Calls `listener` after each change, until the function that it answers is
   * called. Only a `LiveCatalog` ever changes.
   */
  subscribe(listener: () => void): () => void;
}

class RegistryCatalog extends Map<TaskId, CatalogEntry> implements TaskCatalog {
  readonly reconcile: ReconcilePolicy;

  constructor(reconcile: ReconcilePolicy) {
    super();
    this.reconcile = reconcile;
  }

  subscribe(): () => void {
    return () => undefined;
  }
}

/** Up to this many tasks, each has a queue of its own; beyond, a process serves shared ones. */
export const MAX_OWN_QUEUES = 50;
export const SHARED_QUEUES = 16;

const sharedQueueOf = (taskId: string): string => {
  let hash = 0;
  for (const char of taskId) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `shared-${hash % SHARED_QUEUES}`;
};

export const queueNamesOf = (catalog: TaskCatalog): ReadonlySet<string> =>
  new Set([...catalog.values()].map(({ queueName }) => queueName));

/** The entry without what cannot leave the process. */
export const toTaskEntry = ({ job: _job, inputs: _inputs, ...entry }: CatalogEntry): TaskEntry =>
  entry;

/** `job` is the one that the entry's task names. */
export const withJob = (entry: TaskEntry, job: JobDefinition): CatalogEntry => ({
  ...entry,
  job,
  inputs: compileSchema<JsonObject>(entry.task.inputs),
});

export const catalogOf = (
  entries: Iterable<CatalogEntry>,
  reconcile: ReconcilePolicy,
): TaskCatalog => {
  const catalog = new RegistryCatalog(reconcile);
  for (const entry of entries) catalog.set(entry.task.id, entry);
  return catalog;
};

/** Joins the registry with its jobs. Both were checked against each other before. */
export const createTaskCatalog = (
  registry: Registry,
  jobs: ReadonlyMap<string, JobDefinition>,
): TaskCatalog => {
  const followed = followedSchedules(registry.tasks);
  const own = registry.tasks.size <= MAX_OWN_QUEUES;
  const toEntry = (task: TaskDefinition): CatalogEntry => {
    const job = jobs.get(task.job);
    if (job === undefined) throw new Error(`task ${task.id} has no job ${task.job}`);
    const inputs = compileSchema<JsonObject>(task.inputs);
    const defaults = inputs.check({});
    return {
      task,
      job,
      inputs,
      scheduleInputs: defaults.ok ? defaults.value : null,
      scheduleInputsHash: defaults.ok ? inputsHash(defaults.value) : null,
      queueName: task.queue ?? (own ? task.id : sharedQueueOf(task.id)),
      expects: followed.get(task.id) ?? null,
      calendars: task.blackouts.flatMap((name) => registry.blackouts.get(name) ?? []),
    };
  };
  return catalogOf([...registry.tasks.values()].map(toEntry), registry.reconcile);
};
