import type { Effect } from '#core/effects';
import type { RunId, TaskId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { WrittenReport } from '#job-kit/report';

export const RUN_TRIGGERS = [
  'schedule',
  'catchup',
  'gateway',
  'cli',
  'board',
  'backfill',
  'retry',
] as const;
export type RunTrigger = (typeof RUN_TRIGGERS)[number];

export const RUN_STATES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'missed',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export type FinalRunState = Exclude<RunState, 'queued' | 'running'>;

export const isFinal = (state: RunState): state is FinalRunState =>
  state !== 'queued' && state !== 'running';

/** Who asked: `key:<id>`, `cli:<user>`, `board:<session>`, `scheduler`. Shown as it is; never a secret. */
export interface Actor {
  readonly id: string;
  readonly entitlements: ReadonlySet<string>;
  /** Operators with `force` may start a destructive task without a preceding dry-run. */
  readonly isAdmin: boolean;
}

export interface RunError {
  /** `timeout`, `cancelled`, `crash`, `lease_lost`, an AppError code, or the class of what was thrown. */
  readonly class: string;
  readonly message: string;
  readonly stack?: string;
}

/** A row of the run ledger. */
export interface Run {
  readonly id: RunId;
  readonly taskId: TaskId;
  readonly trigger: RunTrigger;
  readonly actor: string;
  readonly scheduledFor: Date;
  /** True when the run stands for the occurrence (task, scheduledFor). */
  readonly standsForOccurrence: boolean;
  readonly inputs: JsonObject;
  /** SHA-256 of the inputs' canonical JSON. */
  readonly inputsHash: string;
  readonly dryRun: boolean;
  readonly state: RunState;
  /** Starts so far, crashed ones included. */
  readonly attempts: number;
  /** Attempts whose worker died under them. */
  readonly crashes: number;
  readonly acceptedAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** Wall time of the last attempt, in milliseconds. */
  readonly durationMs: number | null;
  readonly worker: string | null;
  readonly queueName: string | null;
  readonly queueJobId: string | null;
  readonly error: RunError | null;
  readonly result: JsonObject | null;
  readonly partial: boolean;
  readonly reports: readonly WrittenReport[];
  /** What a dry-run would have done, in order; null for a real run. */
  readonly effects: readonly Effect[] | null;
  /** Why a dry-run's real counterpart would fail, or null. */
  readonly wouldFail: string | null;
  readonly cancelRequestedBy: string | null;
  readonly retryOf: RunId | null;
  readonly progress: JsonObject | null;
}

/** A change of state, append-only. */
export interface RunEvent {
  readonly at: Date;
  readonly state: RunState;
  readonly attempt: number;
  readonly worker: string | null;
  readonly detail: JsonObject;
}
