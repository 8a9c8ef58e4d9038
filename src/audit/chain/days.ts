import { dayOf } from '../files/audit-files.ts';

const DAY_MS = 86_400_000;

/** `YYYY-MM-DD`, moved by whole days. */
export const addDays = (day: string, days: number): string =>
  dayOf(new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS));

/** The days from `from` to `to`, both inclusive; none when `to` is before. */
export const daysBetween = (from: string, to: string): readonly string[] => {
  const days: string[] = [];
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day);
  return days;
};
