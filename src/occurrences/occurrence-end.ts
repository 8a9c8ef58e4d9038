/** How an occurrence can stand in the ledger; it leaves `open` once and for all. */
export const OCCURRENCE_STATES = [
  'open',
  'ran',
  'ran_late',
  'caught_up',
  'skipped',
  'missed',
  'failed',
] as const;
export type OccurrenceState = (typeof OCCURRENCE_STATES)[number];

export type SkipReason = 'overlap' | 'paused' | 'blackout' | 'stale' | 'disabled';

/**
 * `catch_up`: the policy is `none`. `superseded`: the policy runs the latest
 * alone. `window`: older than `catch_up_window`. `predecessor`: a task that it
 * comes after did not succeed. `removed`: the registry has no such task any more.
 */
export type MissReason = 'catch_up' | 'superseded' | 'window' | 'predecessor' | 'removed';

export type FailReason = 'error' | 'timeout' | 'cancelled' | 'crash';

export type OccurrenceEnd =
  | { readonly state: 'ran' | 'ran_late' | 'caught_up'; readonly reason: null }
  | { readonly state: 'skipped'; readonly reason: SkipReason }
  | { readonly state: 'missed'; readonly reason: MissReason }
  | { readonly state: 'failed'; readonly reason: FailReason };

/** The ends in which the task's work was done for the instant. */
export const isSuccess = (state: OccurrenceState): boolean =>
  state === 'ran' || state === 'ran_late' || state === 'caught_up';

/** Skips that were wanted: such an occurrence never stands in for an older one. */
const WANTED_SKIPS: readonly (string | null)[] = ['paused', 'blackout', 'disabled'];

/** Whether an older occurrence counts as superseded by one in this state. */
export const supersedes = (state: OccurrenceState, reason: string | null): boolean =>
  state !== 'skipped' || !WANTED_SKIPS.includes(reason);
