import type { RunId, TaskId } from '#core/ids';
import type { Cadence } from '#occurrences/cadence';
import type { OccurrenceState } from '#occurrences/occurrence-end';
import type { Declaration } from '#registry/declaration';
import type { PlanItem } from '#registry/plan-registry';
import type { ReconcilePolicy, TaskDefinition } from '#registry/task';
import type { Backfill } from './ledger/backfills.ts';
import type { Occurrence, Revision } from './ledger/occurrence-ledger.ts';
import type { TaskAlarm } from './ledger/task-alarms.ts';
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

/** More of a task than a list shows. */
export interface TaskDetail extends TaskStatus {
  /** How often it really starts; null with too few starts. */
  readonly cadence: Cadence | null;
  readonly alarms: readonly TaskAlarm[];
}

export interface BackfillRequest {
  readonly taskId: string;
  /** Occurrences in `[from, to)`; what lies ahead of now is left out. */
  readonly from: Date;
  readonly to: Date;
  readonly inputs: unknown;
  /** Each run is a dry-run. */
  readonly dryRun: boolean;
  /** Leaves out the occurrences for which a run succeeded. */
  readonly onlyMissing: boolean;
  readonly actor: Actor;
}

export interface OccurrenceFilter {
  readonly taskId?: string;
  readonly states?: readonly OccurrenceState[];
  /** Scheduled in `[from, to)`. */
  readonly from?: Date;
  readonly to?: Date;
  /** Newest first; 1 to 5,000. */
  readonly limit: number;
}

/** An instant of a schedule. */
export interface FireTime {
  readonly at: Date;
  /** As the clocks of the schedule's zone show it: `2026-11-25 09:00 +01:00`. */
  readonly local: string;
}

/** What comes of a schedule. */
export interface ScheduleOutlook {
  /** The next instants by the file's schedule, five at most; none of a task that is disabled. */
  readonly nextAt: readonly FireTime[];
  /** Where a change of the clocks makes these instants surprising. */
  readonly clockChanges: readonly string[];
}

/** One item of a plan, with what applying it concerns. */
export interface PlannedChange extends PlanItem, ScheduleOutlook {
  /** Occurrences that are due and have no run, oldest first, at most 100. */
  readonly overdue: readonly Date[];
}

/** A task of the file that is in force as it stands there. */
export interface UnchangedTask extends ScheduleOutlook {
  readonly declared: Declaration;
}

export interface RunsPlan {
  readonly changes: readonly PlannedChange[];
  /** Empty unless it was asked for. */
  readonly unchanged: readonly UnchangedTask[];
  /** Changes of tasks that the actor may not read. */
  readonly hiddenChanges: number;
  /** Tasks of the file. */
  readonly taskCount: number;
  /** As the file says. */
  readonly reconcile: ReconcilePolicy;
  readonly reconcileChanges: boolean;
  /** What is in force; null before the first registry was applied. */
  readonly revision: Revision | null;
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
  getTask(actor: Actor, taskId: string): Promise<TaskDetail>;
  /** Scheduled occurrences of a paused task are skipped(paused); real starts on request are refused with `conflict`. */
  pauseTask(actor: Actor, taskId: string, reason: string): Promise<TaskDetail>;
  resumeTask(actor: Actor, taskId: string): Promise<TaskDetail>;
  /** Log lines after `afterSeq` (0: from the start), oldest first, at most 1,000 a call. */
  readLog(actor: Actor, runId: string, afterSeq: number): Promise<readonly RunLogLine[]>;
  /** What applying this process's registry would change; changes nothing. */
  plan(actor: Actor, options: { readonly includeUnchanged: boolean }): Promise<RunsPlan>;
  listOccurrences(actor: Actor, filter: OccurrenceFilter): Promise<readonly Occurrence[]>;
  /** Open alarms of what the actor may read, with `includeCleared` also those that have passed; 1,000 at most. */
  listAlarms(
    actor: Actor,
    filter: { readonly includeCleared: boolean },
  ): Promise<readonly TaskAlarm[]>;
  /** Durable when it resolves; its runs follow, oldest first, one at a time. */
  startBackfill(request: BackfillRequest): Promise<Backfill>;
  listBackfills(actor: Actor): Promise<readonly Backfill[]>;
  /** Throws `not_found`. */
  getBackfill(actor: Actor, backfillId: string): Promise<Backfill>;
  /** Those that were made so far, by the instants they stand for. */
  listBackfillRuns(actor: Actor, backfillId: string): Promise<readonly Run[]>;
  /** No further runs are made; `conflict` when it has ended. */
  cancelBackfill(actor: Actor, backfillId: string): Promise<Backfill>;
}

export interface RunLogLine {
  readonly seq: number;
  readonly at: Date;
  readonly level: 'info' | 'warn' | 'error';
  readonly line: string;
}
