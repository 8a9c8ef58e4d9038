import { parseDuration } from './duration.ts';
import type { RawPolicies, RawTask } from './registry-schema.ts';
import type { Backoff, NotifyRule, TaskDefinition } from './task.ts';

/** What a task has unless it says otherwise. */
export type TaskPolicies = Pick<
  TaskDefinition,
  | 'timezone'
  | 'timeoutMs'
  | 'attempts'
  | 'backoff'
  | 'overlap'
  | 'catchUp'
  | 'catchUpWindowMs'
  | 'lateAfterMs'
  | 'keepRunsMs'
  | 'maxCrashes'
  | 'blackouts'
  | 'notify'
>;

/** What holds when the file has no word on it either. */
export const BUILT_IN_POLICIES: TaskPolicies = {
  timezone: 'UTC',
  timeoutMs: 5 * 60_000,
  attempts: 3,
  backoff: { type: 'exponential', delayMs: 30_000, jitter: 0.2 },
  overlap: 'skip',
  catchUp: 'latest',
  catchUpWindowMs: 24 * 3_600_000,
  lateAfterMs: 'auto',
  keepRunsMs: 90 * 86_400_000,
  maxCrashes: 2,
  blackouts: [],
  notify: null,
};

const duration = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : (parseDuration(text) ?? otherwise);

const mergeBackoff = (raw: RawPolicies['backoff'], base: Backoff): Backoff => ({
  type: raw?.type ?? base.type,
  delayMs: duration(raw?.delay, base.delayMs),
  jitter: raw?.jitter ?? base.jitter,
});

const lateAfter = (
  text: string | undefined,
  otherwise: TaskPolicies['lateAfterMs'],
): TaskPolicies['lateAfterMs'] => {
  if (text === undefined) return otherwise;
  return text === 'auto' ? 'auto' : (parseDuration(text) ?? otherwise);
};

/** Empty lists are how a task says that nobody is told, whatever the default. */
const mergeNotify = (raw: RawPolicies['notify'], base: NotifyRule | null): NotifyRule | null => {
  if (raw === undefined) return base;
  return raw.on.length === 0 ? null : raw;
};

/** `raw` over `base`, key by key. Only for values that passed the schema. */
export const mergePolicies = (raw: RawPolicies | RawTask, base: TaskPolicies): TaskPolicies => ({
  timezone: raw.timezone ?? base.timezone,
  timeoutMs: duration(raw.timeout, base.timeoutMs),
  attempts: raw.attempts ?? base.attempts,
  backoff: mergeBackoff(raw.backoff, base.backoff),
  overlap: raw.overlap ?? base.overlap,
  catchUp: raw.catch_up ?? base.catchUp,
  catchUpWindowMs: duration(raw.catch_up_window, base.catchUpWindowMs),
  lateAfterMs: lateAfter(raw.late_after, base.lateAfterMs),
  keepRunsMs: duration(raw.keep_runs, base.keepRunsMs),
  maxCrashes: raw.max_crashes ?? base.maxCrashes,
  blackouts: raw.blackouts ?? base.blackouts,
  notify: mergeNotify(raw.notify, base.notify),
});
