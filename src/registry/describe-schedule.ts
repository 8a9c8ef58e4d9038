import cronstrue from 'cronstrue';
import type { Schedule } from './task.ts';

/** A schedule in words: `At 09:00, only on Monday (Europe/Berlin)`; `on request` without one. */
export const describeSchedule = (schedule: Schedule | null): string => {
  if (schedule === null) return 'on request';
  const words = cronstrue.toString(schedule.cron, {
    use24HourTimeFormat: true,
    throwExceptionOnParseError: true,
  });
  return `${words} (${schedule.timezone})`;
};
