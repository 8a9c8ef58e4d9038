import type { CronValues } from './cron-lint.ts';
import { lintCron } from './cron-lint.ts';
import type { createInputLint } from './input-lint.ts';
import { isLooseObject, type LintReport, type LooseObject } from './lint-report.ts';
import { findUnpaired, lintOutput, outputKey, overwritesItself } from './output-lint.ts';
import { lintDurations } from './policy-lint.ts';

/** What is shared between the tasks of one file. */
export interface LintContext {
  readonly checkZone: (name: string) => string | undefined;
  readonly checkInputs: ReturnType<typeof createInputLint>;
  /** Which task writes an output, by `outputKey`. */
  readonly writers: Map<string, string>;
}

const lintSchedule = (
  task: LooseObject,
  context: LintContext,
  report: LintReport,
): CronValues | null => {
  const schedule = task['schedule'];
  const own = task['timezone'];
  if (typeof own === 'string' && own !== '') {
    const fault = context.checkZone(own);
    if (fault !== undefined) report(['timezone'], fault);
  }
  if (!isLooseObject(schedule)) return null;
  const zone = schedule['timezone'];
  if (typeof zone === 'string' && zone !== '') {
    const fault = context.checkZone(zone);
    if (fault !== undefined) report(['schedule', 'timezone'], fault);
    else if (typeof own === 'string' && own !== zone)
      report(
        ['schedule', 'timezone'],
        `differs from the task's timezone; accepted: one of the two`,
      );
  }
  const cron = schedule['cron'];
  if (typeof cron !== 'string') return null;
  const lint = lintCron(cron);
  for (const fault of lint.faults) report(['schedule', 'cron'], fault);
  return lint.values;
};

const lintOutputs = (
  task: LooseObject,
  options: {
    readonly taskId: string;
    readonly cron: CronValues | null;
    readonly context: LintContext;
    readonly report: LintReport;
  },
): void => {
  const { taskId, cron, context, report } = options;
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
    if (faults.length === 0 && cron !== null && overwritesItself(template, cron))
      report(steps, 'has no placeholder that tells the occurrences of the schedule apart');
  });
};

const lintDestructive = (task: LooseObject, report: LintReport): void => {
  if (task['destructive'] === true && task['dry_run'] === false)
    report(['destructive'], 'requires dry_run: true', 'key');
};

/**
 * Rules that a JSON Schema cannot say. `formFaults` are the steps below the task
 * where the form is wrong already: nothing more is said about those.
 */
export const lintTask = (options: {
  readonly taskId: string;
  readonly task: LooseObject;
  readonly formFaults: readonly (readonly string[])[];
  readonly context: LintContext;
  readonly report: LintReport;
}): void => {
  const { taskId, task, formFaults, context, report } = options;
  const cron = lintSchedule(task, context, report);
  lintDurations(task, report);
  lintDestructive(task, report);
  lintOutputs(task, { taskId, cron, context, report });
  const inputs = task['inputs'];
  if (isLooseObject(inputs) && !formFaults.some(([first]) => first === 'inputs'))
    for (const fault of context.checkInputs(inputs, {
      isScheduled: isLooseObject(task['schedule']),
    }))
      report(['inputs', ...fault.steps], fault.message, fault.at);
};
