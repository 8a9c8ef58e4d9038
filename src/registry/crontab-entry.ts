import { AppError } from '#core/errors';
import { lintCron } from './cron-lint.ts';
import type { TaskDefinition } from './task.ts';

/** What a crontab holds of a task: a line, or a word on why there is none. */
export type CrontabEntry =
  | { readonly kind: 'line'; readonly line: CrontabLine }
  | { readonly kind: 'note'; readonly text: string };

/** A line as cron reads it: its command has every percent sign escaped. */
export interface CrontabLine {
  readonly cron: string;
  readonly timezone: string;
  readonly command: string;
}

/**
 * Cron takes a bare percent sign for a line break and a backslash before it
 * away; there has to be an odd number of them.
 */
export const escapePercent = (text: string): string =>
  text.replaceAll(/(\\*)%/g, (whole, backslashes: string) =>
    backslashes.length % 2 === 0 ? `${backslashes}\\%` : whole,
  );

export const collapseSpaces = (text: string): string => text.trim().replaceAll(/\s+/g, ' ');

/** What cron has to run for a task. Throws `invalid_input` for a command of several lines. */
const commandFor = (taskId: string, command: string): string => {
  if (/[\r\n]/.test(command))
    throw new AppError('invalid_input', 'the command of a crontab must be one line');
  return escapePercent(`${command.trim()} run ${taskId}`);
};

/**
 * Where both day fields are restricted either suffices, but cron wants both when
 * one begins with `*`. A range says the same as `*` and is read as we read it.
 */
const portableCron = (cron: string): string => {
  const [minute, hour, dayOfMonth = '*', month, dayOfWeek = '*'] = cron.split(' ');
  if (dayOfMonth === '*' || dayOfWeek === '*') return cron;
  const [days, weekdays] = [dayOfMonth.replaceAll('*', '1-31'), dayOfWeek.replaceAll('*', '0-6')];
  return [minute, hour, days, month, weekdays].join(' ');
};

/** What `opsloop registry cron` writes of a task. */
export const crontabEntryOf = (
  { id, schedule, after, enabled }: TaskDefinition,
  command: string,
): CrontabEntry => {
  const note = (text: string): CrontabEntry => ({ kind: 'note', text: `${id} ${text}` });
  if (schedule === null && after.length > 0)
    return note(`is started by what it comes after: ${after.join(', ')}`);
  if (schedule === null) return note('runs on request only');
  const { cron, timezone } = schedule;
  if (cron.split(' ').length !== 5)
    return note(`runs by seconds, which a crontab cannot say: ${cron}`);
  const line = { cron: portableCron(cron), timezone, command: commandFor(id, command) };
  return enabled
    ? { kind: 'line', line }
    : note(`is not enabled: ${line.cron} ${line.command} (${timezone})`);
};

/** Nicknames that stand for fields; `@reboot` stands for none. */
const NICKNAMES = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

/** Equal for two texts that cron reads as the same times. */
export const timesKey = (text: string): string => {
  const cron = NICKNAMES.get(text) ?? text;
  const { values } = lintCron(cron);
  if (values === null) return cron;
  const [, , dayOfMonth = '', , dayOfWeek = ''] = cron.split(' ');
  const { minutes, hours, daysOfMonth, months, daysOfWeek } = values;
  const wantsBothDays = dayOfMonth.startsWith('*') || dayOfWeek.startsWith('*');
  return JSON.stringify([minutes, hours, daysOfMonth, months, daysOfWeek, wantsBothDays]);
};

/** Equal for two names of one zone, such as UTC and Etc/UTC. */
export const zoneKey = (timezone: string): string => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone;
  } catch {
    return timezone;
  }
};
