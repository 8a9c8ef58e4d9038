import type { BlackoutCalendar, CatchUpPolicy, OverlapPolicy } from '#registry/task';
import { findBlackout } from './blackouts.ts';
import type { OccurrenceEnd } from './occurrence-end.ts';
import { type CronSchedule, nextOccurrence } from './occurrence-times.ts';

/** What a task's declaration says about its occurrences. */
export interface OccurrencePolicy {
  readonly enabled: boolean;
  readonly catchUp: CatchUpPolicy;
  /** Milliseconds. */
  readonly catchUpWindowMs: number;
  readonly overlap: OverlapPolicy;
  /** Whose instants are expected; null for a task on request. */
  readonly expects: CronSchedule | null;
  readonly calendars: readonly BlackoutCalendar[];
}

/** A pause, over or not; `to` is null while it lasts. */
export interface PauseInterval {
  readonly from: Date;
  readonly to: Date | null;
  readonly by: string;
  readonly reason: string;
}

/** The engine's hold on an occurrence: its job reached a worker or is about to, or there is none to wait for. */
export type DeliveryState = 'delivered' | 'under_way' | 'scheduled' | 'none';

export interface StartFacts {
  readonly policy: OccurrencePolicy;
  readonly now: Date;
  readonly scheduledFor: Date;
  /** Not started by then, it is late. */
  readonly lateAt: Date;
  readonly delivery: DeliveryState;
  readonly pauses: readonly PauseInterval[];
  /** The newest occurrence that is due and was not skipped on purpose; null when there is none. */
  readonly newestDueAt: Date | null;
  /** The oldest run of the task, other than caught-up and backfilled ones, that is queued or running. */
  readonly activeRun: { readonly id: string; readonly acceptedAt: Date } | null;
  /** A caught-up or backfilled run of the task is queued or running, or too many are over all tasks. */
  readonly isPaceTaken: boolean;
}

export type StartDecision =
  | { readonly kind: 'run'; readonly trigger: 'schedule' | 'catchup' }
  | { readonly kind: 'close'; readonly end: OccurrenceEnd; readonly explanation: string }
  /** Due at `until` instead, since a blackout lasts until then. */
  | { readonly kind: 'delay'; readonly until: Date; readonly explanation: string }
  /** Nothing to do yet: the engine delivers it, the task is paused, or others are caught up first. */
  | { readonly kind: 'wait' };

const WAIT: StartDecision = { kind: 'wait' };

const skipped = (
  reason: Extract<OccurrenceEnd, { state: 'skipped' }>['reason'],
  explanation: string,
): StartDecision => ({ kind: 'close', end: { state: 'skipped', reason }, explanation });

const missed = (
  reason: Extract<OccurrenceEnd, { state: 'missed' }>['reason'],
  explanation: string,
): StartDecision => ({ kind: 'close', end: { state: 'missed', reason }, explanation });

const covers = ({ from, to }: PauseInterval, instant: Date): boolean =>
  from <= instant && (to === null || instant < to);

const decidePause = ({ pauses, scheduledFor }: StartFacts): StartDecision | null => {
  const pause = pauses.find((each) => covers(each, scheduledFor));
  if (pause !== undefined) return skipped('paused', `paused by ${pause.by}: ${pause.reason}`);
  return null;
};

/**
 * A blackout that delays holds back the occurrences that fall into it: the last
 * one runs when it ends, or each does where the task catches up `all`. Nothing
 * older is caught up during any blackout.
 */
const decideBlackout = ({ policy, scheduledFor, now }: StartFacts): StartDecision | null => {
  const { calendars, catchUp, expects } = policy;
  const own = findBlackout(calendars, scheduledFor);
  if (own?.action === 'skip')
    return skipped('blackout', `${own.title} until ${own.until.toISOString()}`);
  if (own !== null && catchUp !== 'all') {
    const next = expects === null ? null : nextOccurrence(expects, scheduledFor);
    if (next !== null && next < own.until)
      return skipped('blackout', `${own.title}: a later occurrence runs when it ends`);
  }
  if (own !== null && now < own.until)
    return { kind: 'delay', until: own.until, explanation: `${own.title} lasts until then` };
  return findBlackout(calendars, now) === null ? null : WAIT;
};

const decideLate = (facts: StartFacts): StartDecision => {
  const { policy, scheduledFor, newestDueAt, delivery, isPaceTaken } = facts;
  const wasDelivered = delivery === 'delivered';
  if (policy.catchUp === 'none')
    return wasDelivered
      ? skipped('stale', 'its turn came when it was late, and the task does not catch up')
      : missed('catch_up', 'nothing ran when it was due, and the task does not catch up');
  const isSuperseded =
    policy.catchUp === 'latest' && newestDueAt !== null && newestDueAt > scheduledFor;
  if (isSuperseded)
    return wasDelivered
      ? skipped('stale', `its turn came when ${newestDueAt.toISOString()} was due already`)
      : missed('superseded', `the task catches up the latest alone, ${newestDueAt.toISOString()}`);
  if (wasDelivered) return { kind: 'run', trigger: 'schedule' };
  return isPaceTaken ? WAIT : { kind: 'run', trigger: 'catchup' };
};

const decideOverlap = (facts: StartFacts, isLate: boolean): StartDecision | null => {
  const { policy, activeRun, delivery, scheduledFor } = facts;
  if (policy.overlap !== 'skip' || activeRun === null) return null;
  // Found late and undelivered, only a run that was there when it fell due was in its way.
  const wasInItsWay = !isLate || delivery === 'delivered' || activeRun.acceptedAt <= scheduledFor;
  return wasInItsWay
    ? skipped('overlap', `run ${activeRun.id} of the task was not over yet`)
    : null;
};

/**
 * What becomes of an occurrence that is due and has no run: the one rule for a
 * delivery by the queue engine and for the supervisor's look at what was not
 * delivered. In order: what forbids it (disabled, paused, blackout, too old),
 * what makes it wait, overlap, lateness.
 */
export const decideStart = (facts: StartFacts): StartDecision => {
  const { policy, now, scheduledFor, lateAt, delivery, pauses } = facts;
  if (!policy.enabled) return skipped('disabled', 'the task is disabled');
  const forbidden = decidePause(facts) ?? decideBlackout(facts);
  if (forbidden !== null) return forbidden;
  const isLate = now > lateAt;
  if (isLate && now.getTime() - scheduledFor.getTime() > policy.catchUpWindowMs)
    return missed('window', 'it is older than the catch-up window');
  // Due before a pause that still lasts: it waits for the end of the pause.
  const isHeld = pauses.some(({ to }) => to === null);
  if (isHeld || delivery === 'under_way' || (delivery === 'scheduled' && !isLate)) return WAIT;
  const overlapped = decideOverlap(facts, isLate);
  if (overlapped !== null) return overlapped;
  return isLate ? decideLate(facts) : { kind: 'run', trigger: 'schedule' };
};
