import type { BlackoutCalendar, BlackoutWindow } from '#registry/task';
import { latestOccurrence } from './occurrence-times.ts';
import { firstInstantOf, lastInstantOf } from './wall-instants.ts';

/** The window that covers an instant. */
export interface Blackout {
  /** Name of the calendar. */
  readonly calendar: string;
  readonly title: string;
  readonly action: BlackoutCalendar['action'];
  /** The first instant after the window; another window may cover it in turn. */
  readonly until: Date;
}

/** A wall time as the registry writes it, `2026-12-24T00:00`, in milliseconds as if it were UTC. */
const wallMsOf = (text: string): number => Date.parse(`${text}Z`);

/**
 * The end of the window if it covers the instant, its begin included. Where the
 * clocks change, a window of wall times is never shortened: it begins with the
 * first of a repeated time and ends with the second; out of a gap its begin is
 * moved to the change and its end as far as the clocks moved. So whenever the
 * clock shows a time of the window the instant is covered, and so is an
 * occurrence of the window that a gap shifts. A recurring window begins at each
 * occurrence of its line and lasts real time.
 */
const endIfCovered = (
  window: BlackoutWindow,
  timezone: string,
  instantMs: number,
): number | null => {
  if (window.kind === 'once') {
    const end = lastInstantOf(timezone, wallMsOf(window.to));
    const isInside =
      firstInstantOf(timezone, wallMsOf(window.from)) <= instantMs && instantMs < end;
    return isInside ? end : null;
  }
  // They all last the same, so of those that have begun the latest ends last.
  const begin = latestOccurrence({ cron: window.cron, timezone }, new Date(instantMs));
  if (begin === null) return null;
  const end = begin.getTime() + window.durationMs;
  return instantMs < end ? end : null;
};

/**
 * The blackout that holds back what is due at `instant`, if any. Where several
 * windows cover it, one that skips wins over one that delays, and then the one
 * that ends last.
 */
export const findBlackout = (
  calendars: readonly BlackoutCalendar[],
  instant: Date,
): Blackout | null => {
  let found: Blackout | null = null;
  for (const { name, title, action, timezone, windows } of calendars)
    for (const window of windows) {
      const end = endIfCovered(window, timezone, instant.getTime());
      if (end === null) continue;
      const isStronger =
        found === null ||
        (action === found.action ? end > found.until.getTime() : action === 'skip');
      if (isStronger) found = { calendar: name, title, action, until: new Date(end) };
    }
  return found;
};
