import { InvalidArgumentError } from 'commander';

const DAY = /^\d{4}-\d\d-\d\d$/;
const INSTANT = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/;

/** JavaScript takes 30 February for 2 March. */
const isDate = (date: string): boolean => {
  const midnight = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
};

/** A day of the calendar, wherever it is to begin, or an RFC 3339 instant. */
export type DayOrInstant =
  | { readonly kind: 'day'; readonly day: string }
  | { readonly kind: 'instant'; readonly at: Date };

export const parseDayOrInstant = (text: string): DayOrInstant => {
  const at = new Date(text);
  if (isDate(text.slice(0, 10)) && !Number.isNaN(at.getTime())) {
    if (DAY.test(text)) return { kind: 'day', day: text };
    if (INSTANT.test(text)) return { kind: 'instant', at };
  }
  throw new InvalidArgumentError(
    'Accepted: 2026-11-05 or 2026-11-05T09:00:00Z (an instant with its zone).',
  );
};

/** A date (midnight UTC) or an RFC 3339 instant. */
export const parseInstant = (text: string): Date => {
  const parsed = parseDayOrInstant(text);
  return parsed.kind === 'instant' ? parsed.at : new Date(`${parsed.day}T00:00:00Z`);
};

/** A whole number in `[min, max]`. */
export const parseWhole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Accepted: a whole number from ${min} to ${max}.`);
    return value;
  };

/** For an option that may be given several times. */
export const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  value,
];

/** Like `collect`, for values out of a closed list. */
export const collectOneOf =
  <Value extends string>(accepted: readonly Value[]) =>
  (text: string, earlier: readonly Value[] = []): readonly Value[] => {
    const value = accepted.find((candidate) => candidate === text);
    if (value === undefined) throw new InvalidArgumentError(`Accepted: ${accepted.join(', ')}.`);
    return [...earlier, value];
  };
