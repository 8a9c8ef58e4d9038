import { CronExpressionParser } from 'cron-parser';
import { AppError } from '#core/errors';

/** A cron line as the numbers that it matches, each list ascending. */
export interface CronFields {
  /** Only 0 for a line of five fields. */
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly daysOfWeek: ReadonlySet<number>;
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

const numbers = (values: readonly (number | string)[]): readonly number[] =>
  values.filter((value) => typeof value === 'number').sort((a, b) => a - b);

// H is random at each parse; L, W, # and ? mean different things to different crons.
const PLAIN = /^[0-9A-Z*,/-]+$/i;
const NAMES = /\b(sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b/gi;

const parse = (cron: string): CronFields => {
  const fields = cron.trim().split(/\s+/);
  const isPlain = fields.every(
    (field) => PLAIN.test(field) && !/[a-z]/i.test(field.replaceAll(NAMES, '')),
  );
  if ((fields.length !== 5 && fields.length !== 6) || !isPlain)
    throw new AppError('invalid_input', 'the schedule is not a plain cron line of 5 or 6 fields');
  try {
    const { fields: read } = CronExpressionParser.parse(fields.join(' '), { tz: 'UTC' });
    return {
      seconds: numbers(read.second.values),
      minutes: numbers(read.minute.values),
      hours: numbers(read.hour.values),
      months: new Set(numbers(read.month.values)),
      daysOfMonth: new Set(numbers(read.dayOfMonth.values)),
      daysOfWeek: new Set(numbers(read.dayOfWeek.values).map((day) => day % 7)),
      anyDayOfMonth: read.dayOfMonth.isWildcard,
      anyDayOfWeek: read.dayOfWeek.isWildcard,
    };
  } catch (cause) {
    throw new AppError('invalid_input', 'the schedule is not a valid cron line', { cause });
  }
};

/** A registry holds a few lines, asked for each minute; parsing costs more than the arithmetic. */
const parsed = new Map<string, CronFields>();
const MAX_PARSED = 2000;

/**
 * Parses five fields, or six that begin with seconds, with the library that the
 * queue engine uses, so that both read a line alike. Throws `invalid_input` for
 * anything else.
 */
export const parseCronFields = (cron: string): CronFields => {
  const known = parsed.get(cron);
  if (known !== undefined) return known;
  const fields = parse(cron);
  if (parsed.size >= MAX_PARSED) parsed.clear();
  parsed.set(cron, fields);
  return fields;
};

/** Whether the line follows the clock as it is where that changes: it names every hour. */
export const isEveryHour = ({ hours }: CronFields): boolean => hours.length === 24;

/** When both day fields are restricted, one of them suffices, as in every cron since Vixie's. */
export const matchesDay = (fields: CronFields, day: Date): boolean => {
  if (!fields.months.has(day.getUTCMonth() + 1)) return false;
  const byMonth = fields.daysOfMonth.has(day.getUTCDate());
  const byWeek = fields.daysOfWeek.has(day.getUTCDay());
  if (!fields.anyDayOfMonth && !fields.anyDayOfWeek) return byMonth || byWeek;
  return fields.anyDayOfMonth ? byWeek : byMonth;
};
