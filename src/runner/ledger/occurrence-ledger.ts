import type { RunId, TaskId } from '#core/ids';
import type { PauseInterval } from '#occurrences/decide-start';
import type { OccurrenceEnd, OccurrenceState } from '#occurrences/occurrence-end';
import type { Declaration } from '#registry/declaration';
import type { ReconcilePolicy } from '#registry/task';
import type { Run } from '../run.ts';
import type { NewRun } from './run-ledger.ts';

/** One point of a task's schedule, as the ledger has it. */
export interface Occurrence {
  readonly taskId: TaskId;
  readonly scheduledFor: Date;
  readonly state: OccurrenceState;
  readonly reason: string | null;
  readonly explanation: string | null;
  /** The run that it was given to, which closes it. */
  readonly runId: RunId | null;
  /** From when a start is due; null while a task that it comes after has not ended. */
  readonly dueAt: Date | null;
  /** Not started by then, it is late. */
  readonly lateAt: Date | null;
}

export interface NewOccurrence {
  readonly scheduledFor: Date;
  readonly dueAt: Date | null;
  readonly lateAt: Date | null;
}

/** A declaration in force. */
export interface AppliedDeclaration {
  readonly declaration: Declaration;
  readonly digest: string;
  /** Nothing that fell due at or before this moment is expected by it. */
  readonly validFrom: Date;
  /** The first expected occurrence without a row; null when none will come. */
  readonly nextAt: Date | null;
}

export interface Revision {
  readonly revision: number;
  readonly digest: string;
  readonly reconcile: ReconcilePolicy;
  readonly appliedAt: Date;
  readonly appliedBy: string;
}

/** What deciding about a task's occurrences needs to know of it, read in one look. */
export interface TaskView {
  /** The ledger's clock, which all hosts share. */
  readonly now: Date;
  /** Null when no registry that was applied has the task any more. */
  readonly applied: AppliedDeclaration | null;
  /** Those that overlap the catch-up window, and the open one. */
  readonly pauses: readonly PauseInterval[];
  /** The oldest active real run, other than caught-up and backfilled ones. */
  readonly activeRun: { readonly id: RunId; readonly acceptedAt: Date } | null;
  /** Active caught-up and backfilled runs of this task, and of all. */
  readonly pacedRuns: { readonly own: number; readonly all: number };
  /** The newest occurrence that is due and was not skipped on purpose. */
  readonly newestDueAt: Date | null;
  /** The row of the instant that was asked for; null without one. */
  readonly occurrence: Occurrence | null;
}

export interface Closing {
  readonly scheduledFor: Date;
  readonly end: OccurrenceEnd;
  readonly explanation: string;
}

/** One task's part of the ledger, while nobody else decides about it. */
export interface TaskBook {
  look(scheduledFor?: Date): Promise<TaskView>;
  findRun(runId: RunId): Promise<Run | null>;
  /** Open ones without a run that are due at `dueBy`, oldest first, at most `limit`. */
  listUnassigned(dueBy: Date, limit: number): Promise<readonly Occurrence[]>;
  /** How the occurrences of these tasks for the instant stand. */
  findEnds(taskIds: readonly TaskId[], scheduledFor: Date): Promise<readonly Occurrence[]>;
  /** No-op for one that is there. */
  open(occurrence: NewOccurrence): Promise<void>;
  /** Sets when an open one is due. */
  reschedule(occurrence: NewOccurrence): Promise<void>;
  /** Stores the run, with what it claims. */
  addRun(run: NewRun): Promise<Run>;
  /** Closes open occurrences that have no run, or the one that `runId` holds. */
  close(closings: readonly Closing[], runId?: RunId): Promise<void>;
  /** Ends a run that never started, and the occurrence that it holds; false when it started or ended meanwhile. */
  endQueuedRun(runId: RunId, closing: Closing): Promise<boolean>;
}

/** What a registry that is applied changes. */
export interface RegistryBook {
  /** Later than every moment at which a declaration began. */
  readonly now: Date;
  findRevision(): Promise<Revision | null>;
  listApplied(): Promise<ReadonlyMap<string, AppliedDeclaration>>;
  /** Opens every occurrence up to `now` that the tasks' declarations in force expect. */
  openExpected(taskIds: readonly TaskId[]): Promise<void>;
  /** Ends the declarations in force of these tasks. */
  retire(taskIds: readonly TaskId[]): Promise<void>;
  record(revision: {
    readonly digest: string;
    readonly reconcile: ReconcilePolicy;
    readonly appliedBy: string;
    readonly changes: readonly {
      readonly kind: string;
      readonly task: string;
      readonly detail: string;
    }[];
  }): Promise<number>;
  enact(
    revision: number,
    declarations: readonly {
      readonly declaration: Declaration;
      readonly digest: string;
      readonly nextAt: Date | null;
    }[],
  ): Promise<void>;
}

/** A declaration with rows to open. */
export interface Cursor {
  readonly taskId: TaskId;
  readonly applied: AppliedDeclaration;
}

/**
 * The truth about occurrences: which were expected, and how each of them ended.
 * Kept in PostgreSQL; every method throws `unavailable` while that is away.
 */
export interface OccurrenceLedger {
  /** The ledger's clock. */
  now(): Promise<Date>;
  /** Decides about one task at a time; all that `work` does is stored or none of it. */
  withTask<T>(taskId: TaskId, work: (book: TaskBook) => Promise<T>): Promise<T>;
  /** One registry is applied at a time. */
  withRegistry<T>(work: (book: RegistryBook) => Promise<T>): Promise<T>;
  /** Null when another process holds the role at this moment. */
  asLeader<T>(role: string, work: () => Promise<T>): Promise<T | null>;
  findRevision(): Promise<Revision | null>;
  listDeclarations(): Promise<readonly AppliedDeclaration[]>;
  /** Queues that a declaration names or ever named. */
  listQueueNames(): Promise<readonly string[]>;
  listCursors(now: Date, limit: number): Promise<readonly Cursor[]>;
  /** Opens the rows and moves each cursor on, where its declaration is still in force and nobody did. */
  advance(
    steps: readonly {
      readonly cursor: Cursor;
      readonly occurrences: readonly NewOccurrence[];
      readonly nextAt: Date | null;
    }[],
  ): Promise<void>;
  /**
   * Tasks after `page.after`, in order of their ids, with open occurrences that
   * are due and have no run; one that is due at its own instant only when that
   * was `graceMs` milliseconds ago, since the engine is about to deliver it.
   */
  listUnsettledTasks(
    now: Date,
    page: { readonly after: string; readonly limit: number; readonly graceMs: number },
  ): Promise<readonly TaskId[]>;
  /** Open occurrences that wait for tasks before them, all of which have ended. */
  listReleasedOccurrences(
    limit: number,
  ): Promise<readonly { readonly taskId: TaskId; readonly scheduledFor: Date }[]>;
}
