import { WALL_TIME_PATTERN } from './blackout-schema.ts';
import { lintCron } from './cron-lint.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { isLooseObject, type LintReport, type LooseObject } from './lint-report.ts';

const MINUTE_MS = 60_000;
const MIN_DURATION_MS = MINUTE_MS;
const MAX_DURATION_MS = 31 * 24 * 60 * MINUTE_MS;

const WALL_TIME = new RegExp(WALL_TIME_PATTERN);

/** A calendar turns 30 February into a day of March, which this does not let pass. */
const isRealTime = (text: string): boolean => {
  const instant = new Date(`${text}Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(text);
};

const formFaults = (window: LooseObject): readonly string[] => {
  const has = (key: string): boolean => window[key] !== undefined;
  const isOnce = has('from') || has('to');
  const isRecurring = has('cron') || has('duration');
  if (isOnce && isRecurring) return ['has both forms'];
  if (!isOnce && !isRecurring) return ['says no time'];
  const keys = isOnce ? ['from', 'to'] : ['cron', 'duration'];
  return keys.filter((key) => !has(key)).map((key) => `lacks ${key}`);
};

const lintWallTimes = ({ from, to }: LooseObject, report: LintReport): void => {
  const isReal = Object.entries({ from, to }).map(([key, text]) => {
    // What is no text of the right form has its fault already.
    if (typeof text !== 'string' || !WALL_TIME.test(text)) return false;
    if (isRealTime(text)) return true;
    report([key], 'is no real date and time; accepted: a day of the calendar, 00:00 to 23:59');
    return false;
  });
  // Of one form, texts are in the order of time.
  if (isReal.every(Boolean) && String(from) >= String(to))
    report(['to'], 'is not after from; accepted: a later time');
};

const lintRecurrence = ({ cron, duration }: LooseObject, report: LintReport): void => {
  if (typeof cron === 'string') for (const fault of lintCron(cron).faults) report(['cron'], fault);
  const ms = typeof duration === 'string' ? parseDuration(duration) : undefined;
  if (ms !== undefined && (ms < MIN_DURATION_MS || ms > MAX_DURATION_MS))
    report(
      ['duration'],
      `is out of range; accepted: ${formatDuration(MIN_DURATION_MS)} to ${formatDuration(MAX_DURATION_MS)}`,
    );
};

/** Rules of one blackout calendar that a JSON Schema cannot say, worded from the calendar on. */
export const lintCalendar = (
  calendar: LooseObject,
  options: {
    readonly checkZone: (name: string) => string | undefined;
    readonly report: LintReport;
  },
): void => {
  const { checkZone, report } = options;
  const zone = calendar['timezone'];
  const zoneFault = typeof zone === 'string' && zone !== '' ? checkZone(zone) : undefined;
  if (zoneFault !== undefined) report(['timezone'], zoneFault);
  const windows: unknown = calendar['windows'];
  if (!Array.isArray(windows)) return;
  windows.forEach((window: unknown, index) => {
    if (!isLooseObject(window)) return;
    const reportWindow: LintReport = (steps, message, at) =>
      report(['windows', String(index), ...steps], message, at);
    for (const fault of formFaults(window))
      reportWindow([], `${fault}; accepted: from and to, or cron and duration`);
    lintWallTimes(window, reportWindow);
    lintRecurrence(window, reportWindow);
  });
};
