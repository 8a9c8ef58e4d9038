import { Type } from 'typebox';
import type { Clock } from '#core/clock';
import { AppError, type Violation } from '#core/errors';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DEFAULT_WINDOW_HOURS = 24;

/** 31 days; more is a mistake or belongs to the files themselves. */
const MAX_WINDOW_HOURS = 744;

export interface Range {
  readonly from: Date;
  readonly to: Date;
}

export const WindowHours = Type.Integer({
  minimum: 1,
  maximum: MAX_WINDOW_HOURS,
  default: DEFAULT_WINDOW_HOURS,
  description: 'Hours back from now.',
});

/** Without a default, which would stand beside every time_range. */
export const WindowHoursInstead = Type.Integer({
  minimum: 1,
  maximum: MAX_WINDOW_HOURS,
  description: 'Hours back from now, in place of time_range; 24 where neither stands.',
});

export const TimeRange = Type.Object(
  {
    from: Type.String({ format: 'date-time', description: 'RFC 3339; included.' }),
    to: Type.String({ format: 'date-time', description: 'RFC 3339; not included.' }),
  },
  { additionalProperties: false, description: `At most ${MAX_WINDOW_HOURS} hours.` },
);

/** The last hours up to now. */
export const lastHours = (clock: Clock, hours = DEFAULT_WINDOW_HOURS): Range => {
  const to = clock.now();
  return { from: new Date(to.getTime() - hours * HOUR_MS), to };
};

/** The last hours up to the minute that began last, so that questions within a minute have one answer. */
export const lastHoursToTheMinute = (clock: Clock, hours = DEFAULT_WINDOW_HOURS): Range => {
  const toMs = Math.floor(clock.now().getTime() / MINUTE_MS) * MINUTE_MS;
  return { from: new Date(toMs - hours * HOUR_MS), to: new Date(toMs) };
};

const refuse = (action: string, violations: readonly Violation[]): never => {
  throw new AppError('invalid_input', `the parameters of ${action} are not accepted`, {
    violations,
  });
};

// The schema's format admits leap seconds and years that no store orders.
const instantFault = (name: string, at: Date): readonly Violation[] => {
  const year = at.getUTCFullYear();
  return Number.isNaN(at.getTime()) || year < 1970 || year > 9999
    ? [{ path: `$.time_range.${name}`, message: 'must be an instant from 1970 to 9999' }]
    : [];
};

/** The range that a question names, or the last 24 hours. Throws `invalid_input` with where it is wrong. */
export const rangeOf = (
  action: string,
  clock: Clock,
  params: {
    readonly time_range?: { readonly from: string; readonly to: string };
    readonly window_hours?: number;
  },
): Range => {
  const { time_range, window_hours } = params;
  if (time_range === undefined) return lastHours(clock, window_hours);
  if (window_hours !== undefined)
    return refuse(action, [
      {
        path: '$.window_hours',
        message: 'must not stand beside time_range; accepted: one of them',
      },
    ]);
  const from = new Date(time_range.from);
  const to = new Date(time_range.to);
  const faults = [...instantFault('from', from), ...instantFault('to', to)];
  if (faults.length > 0) return refuse(action, faults);
  if (from > to)
    return refuse(action, [{ path: '$.time_range.from', message: 'must not be after to' }]);
  if (to.getTime() - from.getTime() > MAX_WINDOW_HOURS * HOUR_MS)
    return refuse(action, [
      {
        path: '$.time_range',
        message: `must not be longer than ${MAX_WINDOW_HOURS} hours; is ${Math.ceil((to.getTime() - from.getTime()) / HOUR_MS)}`,
      },
    ]);
  return { from, to };
};
