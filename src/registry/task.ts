import type { TaskId } from '#core/ids';
import type { JsonSchema } from '#core/json';

export type OverlapPolicy = 'skip' | 'queue' | 'allow';
export type CatchUpPolicy = 'none' | 'latest' | 'all';
/** What a start of the system's own accord does about schedulers that are not what the registry says. */
export type ReconcilePolicy = 'enforce' | 'warn';

export interface Schedule {
  /** Five fields: minute, hour, day of month, month, day of week; a sixth before them counts seconds. */
  readonly cron: string;
  /** IANA zone the cron line is read in. */
  readonly timezone: string;
}

export interface Backoff {
  readonly type: 'exponential' | 'fixed';
  readonly delayMs: number;
  /** Share of the delay, 0 to 1, by which it is varied at random. */
  readonly jitter: number;
}

/** When a calendar holds its tasks back. */
export type BlackoutWindow =
  /** Wall times of the calendar's zone, `2026-12-24T00:00`; `to` is the first minute after. */
  | { readonly kind: 'once'; readonly from: string; readonly to: string }
  /** Begins at each instant of the cron line, read in the calendar's zone. */
  | { readonly kind: 'recurring'; readonly cron: string; readonly durationMs: number };

/** Times in which the tasks that name the calendar do not run by their schedule. */
export interface BlackoutCalendar {
  readonly name: string;
  readonly title: string;
  /** IANA zone of the windows. */
  readonly timezone: string;
  /** `skip`: an occurrence inside of a window is skipped. `delay`: it waits for the end of the window. */
  readonly action: 'skip' | 'delay';
  readonly windows: readonly BlackoutWindow[];
}

export const NOTIFY_EVENTS = ['failed', 'missed', 'late', 'slow', 'recovered'] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** Who is told of what; the targets stand in the policy of notifications. */
export interface NotifyRule {
  readonly on: readonly NotifyEvent[];
  readonly to: readonly string[];
}

/** Where a declaration stands in the registry file; lines and columns count from 1. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

/** An entry of the registry with the defaults applied and durations in milliseconds. */
export interface TaskDefinition {
  readonly id: TaskId;
  readonly title: string;
  readonly description: string;
  /** Folder under `jobs/` with the code that the task executes. */
  readonly job: string;
  readonly owner: string;
  /** Domain under which the board groups the task's queue. */
  readonly group: string;
  /** Null for a task that only starts on request or after others. */
  readonly schedule: Schedule | null;
  /** Tasks after whose success for an instant this one starts, with the same instant; empty with a schedule of its own. */
  readonly after: readonly TaskId[];
  /** Names of the calendars that hold the task back. */
  readonly blackouts: readonly string[];
  readonly notify: NotifyRule | null;
  readonly timezone: string;
  readonly permissions: { readonly start: readonly string[]; readonly read: readonly string[] };
  readonly inputs: JsonSchema;
  /** Paths relative to REPO_ROOT with `{scheduled_for:…}` placeholders. */
  readonly outputs: readonly string[];
  readonly dryRun: boolean;
  readonly destructive: boolean;
  readonly isolate: boolean;
  readonly enabled: boolean;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  readonly catchUpWindowMs: number;
  readonly lateAfterMs: number | 'auto';
  readonly keepRunsMs: number;
  /** A run that killed its worker this often is ended for good. */
  readonly maxCrashes: number;
  /** Queue named by the entry, if it shares one. */
  readonly queue: string | null;
  readonly position: SourcePosition;
}

export interface Registry {
  readonly file: string;
  readonly tasks: ReadonlyMap<TaskId, TaskDefinition>;
  readonly blackouts: ReadonlyMap<string, BlackoutCalendar>;
  readonly reconcile: ReconcilePolicy;
  /** Place of a key by its steps from the root; absent when the registry was not read from a file. */
  readonly positionOf?: (steps: readonly string[]) => SourcePosition;
}
