import { InvalidArgumentError } from 'commander';

const INSTANT = /^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d))?$/;

/** A date (midnight UTC) or an RFC 3339 instant. */
export const parseInstant = (text: string): Date => {
  const instant = new Date(text);
  if (!INSTANT.test(text) || Number.isNaN(instant.getTime()))
    throw new InvalidArgumentError(
      'Accepted: 2026-11-05 or 2026-11-05T09:00:00Z (an instant with its zone).',
    );
  return instant;
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
