import { AppError } from '#core/errors';
import type { JsonSchema } from '#core/json';
import type { TaskDefinition } from '#registry/task';
import type { BoardQueue } from './board-queue.ts';

/** Fields of the form beside the task's inputs; an input of the same name takes the place. */
const CONTROLS = {
  dry_run: {
    type: 'boolean',
    default: false,
    title: 'Dry-run',
    description: 'Record every effect instead of having it.',
  },
  scheduled_for: {
    type: 'string',
    title: 'Scheduled for',
    description:
      'Instant the run stands for, such as 2026-01-31T09:00:00Z; empty for the usual one.',
  },
  dry_run_id: {
    type: 'string',
    title: 'Dry-run id',
    description: 'Run id of the dry-run that a destructive task asks for.',
  },
} as const;

type Control = keyof typeof CONTROLS;

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};

const inputsOf = (task: TaskDefinition): Readonly<Record<string, unknown>> =>
  asRecord(task.inputs['properties']);

const controlsOf = (task: TaskDefinition): readonly Control[] => {
  const inputs = inputsOf(task);
  const offered: Control[] = [];
  if (task.dryRun) offered.push('dry_run');
  offered.push('scheduled_for');
  if (task.destructive) offered.push('dry_run_id');
  return offered.filter((name) => !Object.hasOwn(inputs, name));
};

/** What the form starts with: every default of the schema, and a real run. */
const initialValue = (task: TaskDefinition): Readonly<Record<string, unknown>> => {
  const defaults = Object.entries(inputsOf(task)).flatMap(([name, schema]) => {
    const value = asRecord(schema)['default'];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(defaults),
    ...(controlsOf(task).includes('dry_run') ? { dry_run: false } : {}),
  };
};

/** JSON Schema of the board's "Add job" form, made of the task's inputs. */
export const startFormSchema = ({ tasks }: BoardQueue): JsonSchema => {
  const [only] = tasks;
  if (tasks.length !== 1 || only === undefined)
    return {
      type: 'object',
      title: `Job name: one of ${tasks.map(({ id }) => id).join(', ')}`,
      description: 'Job data: the inputs of the task that the job name says.',
      default: {},
    };
  return {
    ...only.inputs,
    type: 'object',
    title: only.title,
    default: initialValue(only),
    properties: {
      ...inputsOf(only),
      ...Object.fromEntries(controlsOf(only).map((name) => [name, CONTROLS[name]])),
    },
  };
};

/** What somebody filled in, told apart. */
export interface StartForm {
  readonly inputs: unknown;
  readonly dryRun: boolean;
  readonly scheduledFor: string | undefined;
  readonly dryRunId: string | undefined;
}

const text = (name: Control, value: unknown): string | undefined => {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new AppError('invalid_input', 'the job data is not accepted', {
    violations: [{ path: `$.${name}`, message: 'must be of type string' }],
  });
};

/** Splits the form's data into inputs, which the runner checks, and controls. Throws `invalid_input`. */
export const readStartForm = (task: TaskDefinition, data: unknown): StartForm => {
  if (data === null || typeof data !== 'object' || Array.isArray(data))
    throw new AppError('invalid_input', 'the job data is not accepted', {
      violations: [{ path: '$', message: 'must be of type object' }],
    });
  const inputs: Record<string, unknown> = { ...data };
  const taken: Partial<Record<Control, unknown>> = {};
  for (const name of controlsOf(task)) {
    taken[name] = inputs[name];
    delete inputs[name];
  }
  const dryRun = taken.dry_run ?? false;
  if (typeof dryRun !== 'boolean')
    throw new AppError('invalid_input', 'the job data is not accepted', {
      violations: [{ path: '$.dry_run', message: 'must be of type boolean' }],
    });
  return {
    inputs,
    dryRun,
    scheduledFor: text('scheduled_for', taken.scheduled_for),
    dryRunId: text('dry_run_id', taken.dry_run_id),
  };
};

/** What Bull Board sends for a job name that was left empty. */
const NO_NAME = '__default__';

/** The task that an added job means. Throws `invalid_input` with the names that are accepted. */
export const taskOfJobName = ({ tasks }: BoardQueue, name: unknown): TaskDefinition => {
  const [only] = tasks;
  if (tasks.length === 1 && only !== undefined && (name === NO_NAME || name === '' || name == null))
    return only;
  const named = tasks.find(({ id }) => id === name);
  if (named !== undefined) return named;
  throw new AppError('invalid_input', 'this queue does not run such a task', {
    violations: [
      { path: '$.name', message: `must be one of ${tasks.map(({ id }) => id).join(', ')}` },
    ],
  });
};
