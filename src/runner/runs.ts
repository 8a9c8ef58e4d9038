import type { RunId, TaskId } from '#core/ids';
import type { TaskDefinition } from '#registry/task';
import type { Actor, Run, RunEvent, RunState, RunTrigger } from './run.ts';

export interface StartRequest {
  /** As the caller wrote it; checked here. */
  readonly taskId: string;
  readonly inputs: unknown;
  readonly dryRun: boolean;
  /** RFC 3339 text; absent: the task's latest occurrence (history jobs) or the moment of acceptance (live jobs). */
  readonly scheduledFor?: string;
  /** An admin starts a destructive task without the preceding dry-run. */
  readonly force: boolean;
  /** Run id of a dry-run with the same inputs from the last 24 h, which a destructive task asks for. */
  readonly dryRunId?: string;
  readonly trigger: RunTrigger;
  readonly actor: Actor;
  /** Up to 255 characters; kept 7 days per actor. */
  readonly idempotencyKey?: string;
}

export interface StartedRun {
  readonly runId: RunId;
  readonly taskId: TaskId;
  readonly status: RunState;
  readonly dryRun: boolean;
  /** An earlier request with the same Idempotency-Key started this run. */
  readonly repeated: boolean;
}

export interface RunFilter {
  readonly taskId?: string;
  readonly states?: readonly RunState[];
  readonly triggers?: readonly RunTrigger[];
  /** Accepted in `[from, to)`. */
  readonly from?: Date;
  readonly to?: Date;
  /** Newest first; 1 to 500. */
  readonly limit: number;
  /** Runs older than this one: the last id of the page before. */
  readonly before?: RunId;
}

export interface TaskPause {
  readonly by: string;
  readonly reason: string;
  readonly at: Date;
}

export interface TaskStatus {
  readonly task: TaskDefinition;
  readonly reads: 'history' | 'live';
  readonly pause: TaskPause | null;
  readonly nextAt: Date | null;
  readonly lastRun: Run | null;
}

/**
 * What can be asked of the runner, for the gateway, the CLI and the board.
 * Each method checks the actor's entitlements itself (`forbidden` names the
 * missing one) and throws `unavailable` while the ledger or the queue is away.
 */
export interface Runs {
  /**
   * Accepts a start: durable in the ledger before it resolves. Throws
   * `not_found` (unknown task, with `did_you_mean`), `invalid_input` (every
   * violation), `overlap` (with `active_run_id`), `idempotency_conflict`.
   */
  start(request: StartRequest): Promise<StartedRun>;
  /** Throws `not_found`. */
  get(actor: Actor, runId: string): Promise<Run>;
  events(actor: Actor, runId: string): Promise<readonly RunEvent[]>;
  list(actor: Actor, filter: RunFilter): Promise<readonly Run[]>;
  /** A queued run ends at once, a running one when its holder heard of it. `conflict` when it has ended. */
  cancel(actor: Actor, runId: string, reason: string): Promise<Run>;
  /** A new run with the task, inputs and `scheduled_for` of one that ended other than `succeeded`. */
  retry(actor: Actor, runId: string, trigger: RunTrigger): Promise<StartedRun>;
  listTasks(actor: Actor): Promise<readonly TaskStatus[]>;
  getTask(actor: Actor, taskId: string): Promise<TaskStatus>;
  /** Scheduled occurrences of a paused task are skipped(paused); real starts on request are refused with `conflict`. */
  pauseTask(actor: Actor, taskId: string, reason: string): Promise<TaskStatus>;
  resumeTask(actor: Actor, taskId: string): Promise<TaskStatus>;
  /** Log lines after `afterSeq` (0: from the start), oldest first, at most 1,000 a call. */
  readLog(actor: Actor, runId: string, afterSeq: number): Promise<readonly RunLogLine[]>;
}

export interface RunLogLine {
  readonly seq: number;
  readonly at: Date;
  readonly level: 'info' | 'warn' | 'error';
  readonly line: string;
}
