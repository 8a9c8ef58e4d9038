import type { CronValues } from './cron-lint.ts';
import {
  type Granularity,
  granularitiesOf,
  PLACEHOLDERS,
  unknownPlaceholders,
  withoutPlaceholders,
} from './output-template.ts';

const REPORTS_FOLDER = 'ops/reports/';

/** What is wrong with one output by itself. */
export const lintOutput = (template: string): readonly string[] => {
  const rest = withoutPlaceholders(template);
  const faults: string[] = [];
  for (const placeholder of unknownPlaceholders(template))
    faults.push(`has the unknown placeholder ${placeholder}; accepted: ${PLACEHOLDERS.join(', ')}`);
  if (/[{}]/.test(rest)) faults.push('has a brace that is not part of a placeholder');
  if (rest.split('/').some((part) => part === '..' || part === '.' || part === ''))
    faults.push('must be a relative path without empty, . or .. parts');
  if (!rest.startsWith(REPORTS_FOLDER)) faults.push(`must be below ${REPORTS_FOLDER}`);
  if (!/^[A-Za-z0-9._/{}-]*$/.test(rest))
    faults.push('may contain only letters, digits, ".", "_", "-" and "/" beside placeholders');
  if (!/[^/]\.(json|md)$/.test(rest)) faults.push('must end in .json or .md');
  return faults;
};

const stemOf = (template: string): string => template.replace(/\.(json|md)$/, '');

/** The outputs that stand without their .json or .md, by index. */
export const findUnpaired = (templates: readonly string[]): readonly number[] => {
  const known = new Set(templates);
  return templates.flatMap((template, index) => {
    const stem = stemOf(template);
    const isPaired = known.has(`${stem}.json`) && known.has(`${stem}.md`);
    return isPaired || stem === template ? [] : [index];
  });
};

/** What two tasks must not share. File systems that ignore case take both spellings for one file. */
export const outputKey = (template: string): string => template.toLowerCase();

const PER_SECOND: readonly Granularity[] = ['second'];
const PER_DAY: readonly Granularity[] = [...PER_SECOND, 'day'];

/** Which placeholders keep the schedule's occurrences apart. */
const sufficientFor = (cron: CronValues): readonly Granularity[] => {
  const { seconds, minutes, hours, daysOfMonth, months, daysOfWeek, anyDayOfMonth, anyDayOfWeek } =
    cron;
  if (seconds.length * minutes.length * hours.length > 1) return PER_SECOND;
  // When both day fields are restricted either suffices, so neither a week nor a month has one day.
  const isWeekly = anyDayOfMonth && daysOfWeek.length === 1;
  const isMonthly = anyDayOfWeek && daysOfMonth.length === 1;
  if (isWeekly) return [...PER_DAY, 'week'];
  if (isMonthly)
    return months.length === 1
      ? [...PER_DAY, 'week', 'month', 'year']
      : [...PER_DAY, 'week', 'month'];
  return PER_DAY;
};

/** Whether two occurrences of the schedule would write the same file. */
export const overwritesItself = (template: string, cron: CronValues): boolean => {
  const sufficient = sufficientFor(cron);
  return !granularitiesOf(template).some((granularity) => sufficient.includes(granularity));
};
