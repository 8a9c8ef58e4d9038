/** Formatters are costly to make and never change; there are a few hundred zones at most. */
const formatters = new Map<string, Intl.DateTimeFormat>();

const formatterOf = (timezone: string): Intl.DateTimeFormat => {
  let formatter = formatters.get(timezone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timezone, formatter);
  }
  return formatter;
};

/**
 * What the clocks of the zone show at an instant, written as if it were UTC:
 * local arithmetic is then plain arithmetic on milliseconds.
 */
const wallTimeOf = (timezone: string, instantMs: number): number => {
  const seconds = Math.floor(instantMs / 1000) * 1000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(timezone).formatToParts(seconds))
    parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (instantMs - seconds);
};

/** Milliseconds that the zone's clocks are ahead of UTC at an instant. */
export const offsetAt = (timezone: string, instantMs: number): number =>
  timezone === 'UTC' ? 0 : wallTimeOf(timezone, instantMs) - instantMs;

/** `2026-11-25` */
export const wallDateText = (wallMs: number): string => new Date(wallMs).toISOString().slice(0, 10);

/** `09:00`, with the seconds where there are any. */
export const wallClockText = (wallMs: number): string =>
  new Date(wallMs).toISOString().slice(11, 19).replace(/:00$/, '');

const offsetText = (offsetMs: number): string => {
  const sign = offsetMs < 0 ? '-' : '+';
  return `${sign}${wallClockText(Math.abs(offsetMs))}`;
};

/** An instant as people in the zone read it, with the offset in force: `2026-11-25 09:00 +01:00`. */
export const formatLocal = (timezone: string, instant: Date): string => {
  const offsetMs = offsetAt(timezone, instant.getTime());
  const wallMs = instant.getTime() + offsetMs;
  return `${wallDateText(wallMs)} ${wallClockText(wallMs)} ${offsetText(offsetMs)}`;
};
