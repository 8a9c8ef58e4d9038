/** A start of a task by its schedule, in milliseconds since the epoch. */
export interface ObservedStart {
  readonly scheduledForMs: number;
  readonly startedMs: number;
  /** Null while the run has not ended. */
  readonly finishedMs: number | null;
}

/** How often a task really starts, and where its time goes; milliseconds. */
export interface Cadence {
  /** Starts that were looked at. */
  readonly starts: number;
  /** Median distance of the schedule's instants between the first and the last start, those without a start included. */
  readonly configuredMs: number;
  /** Median distance between starts. */
  readonly observedMs: number;
  /** From the instant to the start. */
  readonly waitMs: { readonly p50: number; readonly p95: number };
  /** From the start to the end. */
  readonly runMs: { readonly p50: number; readonly p95: number };
}

/** Fewer starts say nothing about a cadence. */
const MIN_STARTS = 5;

/** Half as slow again as configured: one start in three is left out. */
const SLOW_FACTOR = 1.5;

/** The value below which a share `q` of the sorted values lies (nearest rank). */
const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;

const ascending = (values: readonly number[]): readonly number[] =>
  [...values].sort((a, b) => a - b);

const gaps = (ascendingTimes: readonly number[]): readonly number[] =>
  ascending(ascendingTimes.slice(1).map((time, index) => time - (ascendingTimes[index] ?? time)));

const spread = (values: readonly number[]): { p50: number; p95: number } => {
  const sorted = ascending(values);
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) };
};

/**
 * Compares the cadence that is observed with the configured one, wait time and
 * run time apart: a slow job that swallows its own next slots shows long runs,
 * a worker that is overrun long waits. Null with fewer than {@link MIN_STARTS} starts.
 * @param instantsMs every instant of the schedule from the first start's to the last start's
 */
export const observeCadence = (
  starts: readonly ObservedStart[],
  instantsMs: readonly number[],
): Cadence | null => {
  if (starts.length < MIN_STARTS) return null;
  const inOrder = [...starts].sort((a, b) => a.startedMs - b.startedMs);
  return {
    starts: starts.length,
    configuredMs: quantile(gaps(ascending(instantsMs)), 0.5),
    observedMs: quantile(gaps(inOrder.map(({ startedMs }) => startedMs)), 0.5),
    waitMs: spread(starts.map(({ scheduledForMs, startedMs }) => startedMs - scheduledForMs)),
    runMs: spread(
      starts.flatMap(({ startedMs, finishedMs }) =>
        finishedMs === null ? [] : [finishedMs - startedMs],
      ),
    ),
  };
};

/** Whether a task starts markedly more rarely than its schedule says. */
export const isSlow = ({ configuredMs, observedMs }: Cadence): boolean =>
  configuredMs > 0 && observedMs >= configuredMs * SLOW_FACTOR;
