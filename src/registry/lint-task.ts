import type { FollowedSchedule } from './after-lint.ts';
import type { createInputLint, OwnStart } from './input-lint.ts';
import { isLooseObject, type LintReport, type LooseObject } from './lint-report.ts';
import { lintNames } from './name-lint.ts';
import { lintNotify } from './notify-lint.ts';
import { findUnpaired, lintOutput, outputKey, overwritesItself } from './output-lint.ts';
import { lintDurations } from './policy-lint.ts';

/** What is shared between the tasks of one file. */
export interface LintContext {
  readonly checkInputs: ReturnType<typeof createInputLint>;
  readonly calendars: ReadonlySet<string>;
  /** Which task writes an output, by `outputKey`. */
  readonly writers: Map<string, string>;
}

const lintOutputs = (
  task: LooseObject,
  options: {
    readonly taskId: string;
    readonly followed: FollowedSchedule | null;
    readonly context: LintContext;
    readonly report: LintReport;
  },
): void => {
  const { taskId, followed, context, report } = options;
  const outputs: unknown = task['outputs'];
  if (!Array.isArray(outputs)) return;
  const templates = outputs.map((output: unknown) => (typeof output === 'string' ? output : ''));
  for (const index of findUnpaired(templates))
    report(['outputs', String(index)], 'stands alone; accepted: pairs of .json and .md');
  templates.forEach((template, index) => {
    if (template === '') return;
    const steps = ['outputs', String(index)];
    const faults = lintOutput(template);
    for (const fault of faults) report(steps, fault);
    const writer = context.writers.get(outputKey(template));
    if (writer === taskId) report(steps, 'stands here a second time');
    else if (writer !== undefined) report(steps, `is also written by ${writer}`);
    else context.writers.set(outputKey(template), taskId);
    if (faults.length === 0 && followed !== null && overwritesItself(template, followed.values))
      report(steps, 'has no placeholder that tells the occurrences of the schedule apart');
  });
};

const lintDestructive = (task: LooseObject, report: LintReport): void => {
  if (task['destructive'] === true && task['dry_run'] === false)
    report(['destructive'], 'requires dry_run: true', 'key');
};

/** What the defaults may say as well as a task. */
export const lintPolicies = (
  object: LooseObject,
  calendars: ReadonlySet<string>,
  report: LintReport,
): void => {
  lintDurations(object, report);
  lintNotify(object, report);
  lintNames(object['blackouts'], {
    steps: ['blackouts'],
    known: { noun: 'blackout calendar', names: calendars },
    report,
  });
};

const ownStartOf = (task: LooseObject): OwnStart => {
  if (isLooseObject(task['schedule'])) return 'the schedule';
  return Array.isArray(task['after']) ? 'the task before it' : null;
};

/**
 * Rules of one task that a JSON Schema cannot say, beside those about when it
 * runs. `formFaults` are the steps below the task where the form is wrong
 * already: nothing more is said about those.
 */
export const lintTask = (options: {
  readonly taskId: string;
  readonly task: LooseObject;
  /** Null where nothing starts the task by itself. */
  readonly followed: FollowedSchedule | null;
  readonly formFaults: readonly (readonly string[])[];
  readonly context: LintContext;
  readonly report: LintReport;
}): void => {
  const { taskId, task, followed, formFaults, context, report } = options;
  lintPolicies(task, context.calendars, report);
  lintDestructive(task, report);
  lintOutputs(task, { taskId, followed, context, report });
  const inputs = task['inputs'];
  if (isLooseObject(inputs) && !formFaults.some(([first]) => first === 'inputs'))
    for (const fault of context.checkInputs(inputs, ownStartOf(task)))
      report(['inputs', ...fault.steps], fault.message, fault.at);
};
