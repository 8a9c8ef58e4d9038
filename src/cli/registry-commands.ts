import path from 'node:path';
import { registryJsonSchema } from '#registry/registry-schema';
import type { Registry, TaskDefinition } from '#registry/task';
import type { Invocation } from './invocation.ts';
import { openSettings } from './open-session.ts';
import { getTask } from './task-inputs.ts';
import { formatDuration, plainText, printJson, printLine, printTable } from './terminal-text.ts';

interface Format {
  readonly json?: boolean;
}

/** The configured registry, or another file, checked against the jobs. */
export const loadRegistry = async (
  invocation: Invocation,
  file: string | undefined,
): Promise<Registry> => {
  const { settings } = await openSettings(invocation, 'command');
  const { loadCatalog } = await import('#app/load-catalog');
  const registryFile =
    file === undefined ? settings.registryFile : path.resolve(invocation.directory, file);
  const { registry } = await loadCatalog({ ...settings, registryFile });
  return registry;
};

/** Throws `invalid_registry` with every fault of the file and every mismatch with the jobs. */
export const validateRegistry = async (
  invocation: Invocation,
  file: string | undefined,
  format: Format,
): Promise<number> => {
  const registry = await loadRegistry(invocation, file);
  const tasks = registry.tasks.size;
  if (format.json === true)
    printJson(invocation.stdout, { valid: true, file: registry.file, tasks });
  else printLine(invocation.stdout, `${registry.file} is valid: ${tasks} tasks`);
  return 0;
};

export const printRegistrySchema = (invocation: Invocation): Promise<number> => {
  printJson(invocation.stdout, registryJsonSchema());
  return Promise.resolve(0);
};

const taskRecord = (task: TaskDefinition) => ({
  task_id: task.id,
  title: task.title,
  description: task.description,
  job: task.job,
  owner: task.owner,
  group: task.group,
  schedule: task.schedule,
  timezone: task.timezone,
  permissions: task.permissions,
  inputs: task.inputs,
  outputs: task.outputs,
  dry_run: task.dryRun,
  destructive: task.destructive,
  isolate: task.isolate,
  enabled: task.enabled,
  timeout_ms: task.timeoutMs,
  attempts: task.attempts,
  backoff: { type: task.backoff.type, delay_ms: task.backoff.delayMs, jitter: task.backoff.jitter },
  overlap: task.overlap,
  catch_up: task.catchUp,
  catch_up_window_ms: task.catchUpWindowMs,
  late_after_ms: task.lateAfterMs,
  keep_runs_ms: task.keepRunsMs,
  max_crashes: task.maxCrashes,
  queue: task.queue,
  declared_at: task.position,
});

/** Without a task: a table of all. A single task is shown as the record that the machine works with. */
export const showRegistry = async (
  invocation: Invocation,
  taskId: string | undefined,
  format: Format,
): Promise<number> => {
  const registry = await loadRegistry(invocation, undefined);
  if (taskId !== undefined) {
    const record = taskRecord(getTask(registry, taskId));
    if (format.json === true) printJson(invocation.stdout, record);
    else
      for (const [name, value] of Object.entries(record))
        printLine(
          invocation.stdout,
          `${name}: ${plainText(typeof value === 'string' ? value : JSON.stringify(value))}`,
        );
    return 0;
  }
  const tasks = [...registry.tasks.values()];
  if (format.json === true) {
    printJson(invocation.stdout, { file: registry.file, tasks: tasks.map(taskRecord) });
    return 0;
  }
  printTable(
    invocation.stdout,
    ['task', 'job', 'schedule', 'zone', 'timeout', 'catch up', 'title'],
    tasks.map((task) => [
      task.id,
      task.job,
      task.schedule?.cron ?? 'on request',
      task.timezone,
      formatDuration(task.timeoutMs),
      task.catchUp,
      task.enabled ? task.title : `${task.title} (disabled)`,
    ]),
  );
  return 0;
};
