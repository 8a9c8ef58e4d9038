import type { CommandSession } from '#app/command-session';
import type { TaskDefinition } from '#registry/task';
import type { DayOrInstant } from './option-values.ts';

const DAY_MS = 86_400_000;

const dayAfter = (day: string): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);

/**
 * The stretch `[from, to)` of a backfill. Days are those of the task's zone, by
 * which its reports are named, and the last one is part of it.
 */
export const readRange = (
  { startOfDay }: Pick<CommandSession, 'startOfDay'>,
  { schedule, timezone }: Pick<TaskDefinition, 'schedule' | 'timezone'>,
  options: { readonly from: DayOrInstant; readonly to: DayOrInstant },
): { readonly from: Date; readonly to: Date } => {
  const zone = schedule?.timezone ?? timezone;
  const { from, to } = options;
  return {
    from: from.kind === 'instant' ? from.at : startOfDay(zone, from.day),
    to: to.kind === 'instant' ? to.at : startOfDay(zone, dayAfter(to.day)),
  };
};
