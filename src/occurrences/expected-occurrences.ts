import { lateAfterMs } from './lateness.ts';
import { type CronSchedule, nextOccurrence, occurrencesBetween } from './occurrence-times.ts';

/** When an occurrence may start, and from when on it is late; both null where that is not known yet. */
export interface ExpectedOccurrence {
  readonly scheduledFor: Date;
  readonly dueAt: Date | null;
  readonly lateAt: Date | null;
}

export interface Expectation {
  /** Null for a task on request. */
  readonly expects: CronSchedule | null;
  /** The task starts when others have ended, and not at the instant itself. */
  readonly followsOthers: boolean;
  /** As declared, milliseconds. */
  readonly lateAfterMs: number | 'auto';
}

/** The deadline of an occurrence that is due at `dueAt`. */
export const lateAtOf = (expectation: Expectation, scheduledFor: Date, dueAt: Date): Date =>
  new Date(
    dueAt.getTime() + lateAfterMs(expectation.expects, expectation.lateAfterMs, scheduledFor),
  );

export const expectOccurrence = (
  expectation: Expectation,
  scheduledFor: Date,
): ExpectedOccurrence =>
  expectation.followsOthers
    ? { scheduledFor, dueAt: null, lateAt: null }
    : {
        scheduledFor,
        dueAt: scheduledFor,
        lateAt: lateAtOf(expectation, scheduledFor, scheduledFor),
      };

/**
 * The occurrences from `nextAt` up to `now`, both included, oldest first and at
 * most `limit`, and where to go on from.
 */
export const expectedUpTo = (
  expectation: Expectation,
  range: { readonly nextAt: Date; readonly now: Date; readonly limit: number },
): { readonly occurrences: readonly ExpectedOccurrence[]; readonly nextAt: Date | null } => {
  const { expects } = expectation;
  const { nextAt, now, limit } = range;
  if (expects === null) return { occurrences: [], nextAt: null };
  const instants = occurrencesBetween(expects, {
    from: nextAt,
    to: new Date(now.getTime() + 1),
    limit,
  });
  const last = instants.length < limit ? undefined : instants.at(-1);
  return {
    occurrences: instants.map((instant) => expectOccurrence(expectation, instant)),
    nextAt: nextOccurrence(expects, last ?? now),
  };
};
