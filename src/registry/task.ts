import type { TaskId } from '#core/ids';
import type { JsonSchema } from '#core/json';

export type OverlapPolicy = 'skip' | 'queue' | 'allow';
export type CatchUpPolicy = 'none' | 'latest' | 'all';

export interface Schedule {
  /** Five fields: minute, hour, day of month, month, day of week. */
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
  /** Null for a task that only starts on request. */
  readonly schedule: Schedule | null;
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
  /** Place of a key by its steps from the root; absent when the registry was not read from a file. */
  readonly positionOf?: (steps: readonly string[]) => SourcePosition;
}
