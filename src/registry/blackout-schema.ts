import { type Static, Type } from 'typebox';
import { byName, closed, duration, line, NAME_PATTERN, named, timezone } from './schema-parts.ts';

/** A local time to the minute, without a zone: that is the calendar's. */
export const WALL_TIME_PATTERN = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$';

const wallTime = (description: string) =>
  named(
    WALL_TIME_PATTERN,
    "a local time such as 2026-12-24T00:00, in the calendar's zone",
    description,
  );

// One object for both forms: a union would answer a slip with the faults of each.
const WINDOW = closed(
  {
    from: Type.Optional(wallTime("Begin, in the calendar's zone; comes with to.")),
    to: Type.Optional(wallTime('End, exclusive; comes with from.')),
    cron: Type.Optional(
      Type.String({
        description: 'Five fields: the window begins at each instant; comes with duration.',
      }),
    ),
    duration: Type.Optional(
      duration('How long the window lasts from each begin, 1m to 31d; comes with cron.'),
    ),
  },
  'Either from and to, or cron and duration.',
);

const CALENDAR = closed(
  {
    title: Type.Optional(line(80, 'Name for people; the name of the calendar if left out.')),
    timezone: Type.Optional(timezone()),
    action: Type.Optional(
      Type.Enum(['skip', 'delay'], {
        description:
          'Whether an occurrence inside of a window is skipped or waits for its end; skip if left out.',
      }),
    ),
    windows: Type.Array(WINDOW, { minItems: 1, maxItems: 1000 }),
  },
  'Times in which the tasks that name the calendar do not run by their schedule.',
);

export type RawCalendar = Static<typeof CALENDAR>;
export type RawWindow = Static<typeof WINDOW>;

export const BLACKOUTS = byName<RawCalendar>({
  pattern: NAME_PATTERN,
  words: 'a name of a-z, 0-9, _ and - that starts with a letter, up to 64 characters',
  value: CALENDAR,
  description: 'The blackout calendars by name.',
});
