import { type CronValues, lintCron } from './cron-lint.ts';
import { isLooseObject, type LintReport, type LooseObject } from './lint-report.ts';

/** What a task says about when it runs, before tasks are compared with each other. */
export interface ScheduleFacts {
  readonly hasSchedule: boolean;
  /** As it is written; null without a schedule or where it is not a text. */
  readonly cron: string | null;
  /** Null without a schedule or for one with a fault. */
  readonly values: CronValues | null;
  /** The zone that the schedule is read in. */
  readonly timezone: string;
  /** The zone that the task names outside of a schedule. */
  readonly ownTimezone: string | null;
  /** As they stand in the file; any may be anything. */
  readonly after: readonly unknown[];
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

const lintZones = (
  task: LooseObject,
  schedule: LooseObject,
  options: {
    readonly checkZone: (name: string) => string | undefined;
    readonly report: LintReport;
  },
): void => {
  const { checkZone, report } = options;
  const [own, zone] = [textOf(task['timezone']), textOf(schedule['timezone'])];
  const ownFault = own === null ? undefined : checkZone(own);
  if (ownFault !== undefined) report(['timezone'], ownFault);
  if (zone === null) return;
  const fault = checkZone(zone);
  if (fault !== undefined) report(['schedule', 'timezone'], fault);
  else if (own !== null && own !== zone)
    report(['schedule', 'timezone'], "differs from the task's timezone; accepted: one of the two");
};

/** Checks a task's own schedule and collects what the checks between tasks need. */
export const lintSchedule = (
  task: LooseObject,
  options: {
    readonly checkZone: (name: string) => string | undefined;
    readonly defaultTimezone: string;
    readonly report: LintReport;
  },
): ScheduleFacts => {
  const { defaultTimezone, report } = options;
  const hasSchedule = task['schedule'] !== undefined;
  const schedule = isLooseObject(task['schedule']) ? task['schedule'] : {};
  lintZones(task, schedule, options);
  const cron = typeof schedule['cron'] === 'string' ? schedule['cron'] : null;
  // What is neither true nor false has its fault already, and was meant as true.
  const seconds = schedule['seconds'] !== undefined && schedule['seconds'] !== false;
  const lint =
    cron === null ? { values: null, faults: [] } : lintCron(cron, { seconds, isChosen: true });
  for (const fault of lint.faults) report(['schedule', 'cron'], fault);
  const ownTimezone = textOf(task['timezone']);
  return {
    hasSchedule,
    cron,
    values: lint.values,
    timezone: textOf(schedule['timezone']) ?? ownTimezone ?? defaultTimezone,
    ownTimezone,
    after: Array.isArray(task['after']) ? task['after'] : [],
  };
};
