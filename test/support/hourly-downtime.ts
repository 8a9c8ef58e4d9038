const HOUR_MS = 3_600_000;

/** Minute of the hour that is half an hour away: nothing falls due while a test runs, and what did last is late. */
export const QUIET_MINUTE = (new Date().getUTCMinutes() + 30) % 60;

export const HOURLY = { cron: `${QUIET_MINUTE} * * * *`, timezone: 'UTC' };

/** Six instants of {@link HOURLY} lie in it. */
export const SIX_HOURS_MS = 6 * HOUR_MS + 60_000;

/** The instants of {@link HOURLY} in the six hours before now, oldest first. */
export const instantsOfSixHours = (): readonly Date[] => {
  const now = Date.now();
  const hour = Math.floor(now / HOUR_MS) * HOUR_MS + QUIET_MINUTE * 60_000;
  const last = hour > now ? hour - HOUR_MS : hour;
  return [5, 4, 3, 2, 1, 0].map((back) => new Date(last - back * HOUR_MS));
};
