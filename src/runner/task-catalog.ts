import { inputsHash, type TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import { compileSchema, type Validator } from '#core/schema';
import type { JobDefinition } from '#job-kit/job';
import type { Registry, TaskDefinition } from '#registry/task';

/** A task with its job and what follows from both. */
export interface CatalogEntry {
  readonly task: TaskDefinition;
  readonly job: JobDefinition;
  readonly inputs: Validator<JsonObject>;
  /** The inputs that a scheduled run gets: the schema's defaults. Null when the schema has required inputs without one. */
  readonly scheduleInputs: JsonObject | null;
  readonly scheduleInputsHash: string | null;
  readonly queueName: string;
}

export type TaskCatalog = ReadonlyMap<TaskId, CatalogEntry>;

/** Up to this many tasks, each has a queue of its own; beyond, a process serves shared ones. */
const MAX_OWN_QUEUES = 50;
const SHARED_QUEUES = 16;

const sharedQueueOf = (taskId: string): string => {
  let hash = 0;
  for (const char of taskId) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `shared-${hash % SHARED_QUEUES}`;
};

/** Joins the registry with its jobs. Both were checked against each other before. */
export const createTaskCatalog = (
  registry: Registry,
  jobs: ReadonlyMap<string, JobDefinition>,
): TaskCatalog => {
  const own = registry.tasks.size <= MAX_OWN_QUEUES;
  const entries = new Map<TaskId, CatalogEntry>();
  for (const task of registry.tasks.values()) {
    const job = jobs.get(task.job);
    if (job === undefined) throw new Error(`task ${task.id} has no job ${task.job}`);
    const inputs = compileSchema<JsonObject>(task.inputs);
    const defaults = inputs.check({});
    entries.set(task.id, {
      task,
      job,
      inputs,
      scheduleInputs: defaults.ok ? defaults.value : null,
      scheduleInputsHash: defaults.ok ? inputsHash(defaults.value) : null,
      queueName: task.queue ?? (own ? task.id : sharedQueueOf(task.id)),
    });
  }
  return entries;
};
