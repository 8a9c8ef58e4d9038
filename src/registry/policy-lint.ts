import { nearestNames } from '#core/nearest-names';
import { formatDuration, parseDuration } from './duration.ts';
import type { LintReport, LooseObject } from './lint-report.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const DURATION_RANGES: readonly {
  readonly steps: readonly [string] | readonly [string, string];
  readonly minMs: number;
  readonly maxMs: number;
}[] = [
  { steps: ['timeout'], minMs: SECOND, maxMs: DAY },
  { steps: ['backoff', 'delay'], minMs: 1, maxMs: DAY },
  { steps: ['catch_up_window'], minMs: MINUTE, maxMs: 400 * DAY },
  { steps: ['late_after'], minMs: SECOND, maxMs: 30 * DAY },
  { steps: ['keep_runs'], minMs: DAY, maxMs: 3650 * DAY },
];

const valueAt = (object: LooseObject, steps: readonly string[]): unknown =>
  steps.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null ? (value as LooseObject)[step] : undefined,
    object,
  );

/** Durations that have the right form but make no sense. */
export const lintDurations = (object: LooseObject, report: LintReport): void => {
  for (const { steps, minMs, maxMs } of DURATION_RANGES) {
    const text = valueAt(object, steps);
    const ms = typeof text === 'string' ? parseDuration(text) : undefined;
    if (ms === undefined || (ms >= minMs && ms <= maxMs)) continue;
    report(
      steps,
      `is out of range; accepted: ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
    );
  }
};

/** A pruned run looks like one that never was, and would be caught up again. */
export const lintRetention = (
  object: LooseObject,
  effective: { readonly keepRunsMs: number; readonly catchUpWindowMs: number },
  report: LintReport,
): void => {
  if (effective.keepRunsMs >= effective.catchUpWindowMs) return;
  const key = ['keep_runs', 'catch_up_window'].find((name) => object[name] !== undefined);
  if (key === undefined) return;
  report(
    [key],
    `is at odds: keep_runs (${formatDuration(effective.keepRunsMs)}) is shorter than catch_up_window (${formatDuration(effective.catchUpWindowMs)}), so a run that was removed would be caught up again`,
  );
};

const isZone = (name: string): boolean => {
  // Offsets such as +02:00 are zones to some runtimes only.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
};

/** Checks names of time zones; each name once, since making a formatter is slow. */
export const createZoneLint = (): ((name: string) => string | undefined) => {
  const known = new Map<string, string | undefined>();
  return (name) => {
    if (!known.has(name)) {
      const [nearest] = nearestNames(name, Intl.supportedValuesOf('timeZone'));
      const hint =
        nearest === undefined
          ? 'accepted: an IANA name such as UTC or Europe/Berlin'
          : `did you mean ${nearest}?`;
      known.set(name, isZone(name) ? undefined : `is not a known time zone; ${hint}`);
    }
    return known.get(name);
  };
};
