import { expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { testRegistry } from '#test/support/test-tasks';
import { readStartForm, startFormSchema, taskOfJobName } from './start-form.ts';

const tasks = [...testRegistry().tasks.values()];
const taskNamed = (id: string) => {
  const task = tasks.find((each) => String(each.id) === id);
  if (task === undefined) throw new Error(`no task ${id}`);
  return task;
};

const violationsOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error.violations;
  }
  throw new Error('nothing was refused');
};

it('keeps the inputs schema and starts with its defaults', () => {
  const task = taskNamed('window_digest');
  const schema = startFormSchema({ queueName: 'window_digest', tasks: [task] });
  expect(schema).toMatchObject({
    additionalProperties: false,
    default: { window_hours: 24, dry_run: false },
    properties: { window_hours: { maximum: 744 }, scheduled_for: { type: 'string' } },
  });
  expect(schema['properties']).not.toHaveProperty('dry_run_id');
});

it('tells controls and inputs apart, and leaves empty text out', () => {
  const form = readStartForm(taskNamed('guarded_sweep'), {
    dry_run: true,
    scheduled_for: '',
    dry_run_id: 'run_x',
    other: 1,
  });
  expect(form).toEqual({
    inputs: { other: 1 },
    dryRun: true,
    scheduledFor: undefined,
    dryRunId: 'run_x',
  });
});

it('leaves a control to the task that has an input of that name', () => {
  const task = {
    ...taskNamed('window_digest'),
    inputs: { type: 'object', properties: { scheduled_for: { type: 'integer' } } },
  };
  expect(readStartForm(task, { scheduled_for: 5 })).toMatchObject({
    inputs: { scheduled_for: 5 },
    scheduledFor: undefined,
  });
});

it.each([[null], ['text'], [[1]], [{ dry_run: 'yes' }], [{ scheduled_for: 4 }]])(
  'refuses %j',
  (data) => {
    expect(violationsOf(() => readStartForm(taskNamed('window_digest'), data))).toHaveLength(1);
  },
);

it('finds the task by the job name, which may be left out where there is one', () => {
  const one = { queueName: 'q', tasks: [taskNamed('window_digest')] };
  const two = { queueName: 'q', tasks: [taskNamed('shared_one'), taskNamed('shared_two')] };
  expect(taskOfJobName(one, '__default__').id).toBe('window_digest');
  expect(taskOfJobName(two, 'shared_two').id).toBe('shared_two');
  expect(violationsOf(() => taskOfJobName(two, '__default__'))).toEqual([
    { path: '$.name', message: 'must be one of shared_one, shared_two' },
  ]);
  expect(violationsOf(() => taskOfJobName(one, 'other'))).toHaveLength(1);
});
