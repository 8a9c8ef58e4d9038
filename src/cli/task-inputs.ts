import { AppError } from '#core/errors';
import type { TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import { nearestNames } from '#core/nearest-names';
import { compileSchema } from '#core/schema';
import type { Registry, TaskDefinition } from '#registry/task';
import { readInputsFile } from './inputs-file.ts';
import type { Invocation } from './invocation.ts';
import { readInputArguments } from './run-inputs.ts';

export interface InputOptions {
  readonly input?: readonly string[];
  readonly inputsFile?: string;
}

/** Throws `not_found` with the nearest names. */
export const getTask = (registry: Registry, taskId: string): TaskDefinition => {
  const task = registry.tasks.get(taskId as TaskId);
  if (task !== undefined) return task;
  throw new AppError('not_found', `there is no task "${taskId}"`, {
    details: { did_you_mean: nearestNames(taskId, registry.tasks.keys()) },
  });
};

/** The inputs of `--inputs-file`, overridden by those of `--input`. */
export const readTaskInputs = async (
  invocation: Invocation,
  task: TaskDefinition,
  options: InputOptions,
): Promise<JsonObject> => {
  const fromFile =
    options.inputsFile === undefined
      ? {}
      : await readInputsFile(options.inputsFile, invocation.directory);
  const fromArguments = readInputArguments(options.input ?? [], task.inputs);
  const inputs = { ...fromFile, ...fromArguments.inputs };
  if (fromArguments.violations.length === 0) return inputs;
  // The reader mends everything in one go, so the schema's complaints come along.
  const checked = compileSchema(task.inputs).check(inputs);
  throw new AppError('invalid_input', `the inputs of ${task.id} are not valid`, {
    violations: [...fromArguments.violations, ...(checked.ok ? [] : checked.violations)].map(
      ({ path, message }) => ({ path: `$.inputs${path.slice(1)}`, message }),
    ),
  });
};
