import type { RunId, TaskId } from '#core/ids';
import type { PauseInterval } from '#occurrences/decide-start';
import { type OccurrenceEnd, supersedes } from '#occurrences/occurrence-end';
import type {
  AppliedDeclaration,
  NewOccurrence,
  Occurrence,
  Revision,
  TaskView,
} from '#runner/ledger/occurrence-ledger';
import type { NewRun } from '#runner/ledger/run-ledger';
import type { Run } from '#runner/run';

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A run with what the lease says of it. */
export interface LedgerRun extends Mutable<Run> {
  token: number;
  queuedMs: number;
}

export interface DeclarationSpan {
  readonly taskId: TaskId;
  readonly applied: AppliedDeclaration;
  /** Null while it is in force. */
  readonly validTo: Date | null;
}

const PACED: readonly string[] = ['catchup', 'backfill'];
const isActive = ({ state }: Run): boolean => state === 'queued' || state === 'running';

/** The rows of a ledger in memory, and the statements of the run ledger that a worker's attempt runs. */
export class MemoryRows {
  protected readonly clock: () => Date;
  readonly occurrences = new Map<string, Mutable<Occurrence> & { openedMs: number }>();
  readonly runs = new Map<RunId, LedgerRun>();
  readonly spans: Mutable<DeclarationSpan>[] = [];
  readonly pauses: (Mutable<PauseInterval> & { readonly taskId: TaskId })[] = [];
  readonly revisions: Revision[] = [];
  /** Closings in their order; an occurrence that is in it twice was closed twice. */
  readonly closings: { readonly key: string; readonly end: OccurrenceEnd }[] = [];
  /** Keys in the order in which the rows were opened. */
  readonly #byTask = new Map<TaskId, string[]>();
  protected readonly unassigned = new Map<TaskId, Set<string>>();
  readonly #active = new Set<RunId>();
  protected readonly current = new Map<TaskId, Mutable<DeclarationSpan>>();
  #lastToken = 0;
  /** Rows that the registry which is being applied opened. */
  protected opened: (readonly [TaskId, string])[] | null = null;

  constructor(clock: () => Date) {
    this.clock = clock;
  }

  static key(taskId: TaskId, scheduledFor: Date): string {
    return `${taskId} ${scheduledFor.getTime()}`;
  }

  // What follows is of the run ledger: the statements that a worker's attempt runs.

  /** Takes the run for an attempt; null when it ended, or `busy` while another run of its task is at work. */
  begin(runId: RunId, options: { readonly exclusive: boolean; readonly maxCrashes: number }) {
    const run = this.runs.get(runId);
    if (run === undefined || !isActive(run)) return null;
    if (options.exclusive)
      for (const id of this.#active) {
        const other = this.runs.get(id);
        if (other?.taskId === run.taskId && other.id !== runId && other.state === 'running')
          return 'busy';
      }
    if (run.state === 'running') {
      run.crashes += 1;
      if (run.crashes >= options.maxCrashes) {
        this.pauses.push({
          taskId: run.taskId,
          from: this.clock(),
          to: null,
          by: 'runner',
          reason: 'crash loop',
        });
        this.#end(run, 'failed', { state: 'failed', reason: 'crash' });
        return null;
      }
    }
    run.state = 'running';
    run.attempts += 1;
    run.startedAt ??= this.clock();
    this.#lastToken += 1;
    run.token = this.#lastToken;
    return { token: run.token };
  }

  /** Records the end of an attempt; false when the run was taken over meanwhile. */
  finish(runId: RunId, token: number, succeeded: boolean): boolean {
    const run = this.runs.get(runId);
    if (run?.state !== 'running' || run.token !== token) return false;
    const row = this.occurrences.get(MemoryRows.key(run.taskId, run.scheduledFor));
    const isLate =
      run.startedAt !== null &&
      row?.lateAt !== null &&
      row !== undefined &&
      run.startedAt > row.lateAt;
    const success: OccurrenceEnd = {
      state: run.trigger === 'catchup' ? 'caught_up' : isLate ? 'ran_late' : 'ran',
      reason: null,
    };
    this.#end(
      run,
      succeeded ? 'succeeded' : 'failed',
      succeeded ? success : { state: 'failed', reason: 'error' },
    );
    return true;
  }

  protected forgetActive(runId: RunId): void {
    this.#active.delete(runId);
  }

  /** What recovery does to a run of a task that left the registry long ago. */
  endRunOfRemovedTask(run: LedgerRun): void {
    if (run.state === 'running') this.#end(run, 'failed', { state: 'failed', reason: 'crash' });
    else this.#end(run, 'cancelled', { state: 'missed', reason: 'removed' });
  }

  /** Whether the last declaration of the task ended at least `ms` milliseconds ago. */
  isGoneSince(taskId: TaskId, ms: number): boolean {
    const last = this.spans.findLast((span) => span.taskId === taskId)?.validTo ?? null;
    return last !== null && this.clock().getTime() - last.getTime() >= ms;
  }

  activeRuns(): readonly LedgerRun[] {
    return [...this.#active].flatMap((id) => this.runs.get(id) ?? []);
  }

  pause(taskId: TaskId, by: string): void {
    if (this.pauses.some((pause) => pause.taskId === taskId && pause.to === null)) return;
    this.pauses.push({ taskId, from: this.clock(), to: null, by, reason: 'test' });
  }

  resume(taskId: TaskId): void {
    for (const pause of this.pauses)
      if (pause.taskId === taskId && pause.to === null) pause.to = this.clock();
  }

  #end(run: LedgerRun, state: Run['state'], end: OccurrenceEnd): void {
    run.state = state;
    run.finishedAt = this.clock();
    this.#active.delete(run.id);
    if (run.standsForOccurrence) this.close(run.taskId, run.scheduledFor, end, '', run.id);
  }

  protected isDue(key: string, now: Date): boolean {
    const dueAt = this.occurrences.get(key)?.dueAt ?? null;
    return dueAt !== null && dueAt <= now;
  }

  protected isReleased({
    taskId,
    scheduledFor,
    openedMs,
  }: Occurrence & { openedMs: number }): boolean {
    const after = this.current.get(taskId)?.applied.declaration.task.after ?? [];
    return after.every((id) => {
      const row = this.occurrences.get(MemoryRows.key(id, scheduledFor));
      return row === undefined
        ? this.clock().getTime() - openedMs > 3_600_000
        : row.state !== 'open';
    });
  }

  protected open(taskId: TaskId, { scheduledFor, dueAt, lateAt }: NewOccurrence): void {
    const key = MemoryRows.key(taskId, scheduledFor);
    if (this.occurrences.has(key)) return;
    this.opened?.push([taskId, key]);
    const row = { taskId, scheduledFor, dueAt, lateAt, openedMs: this.clock().getTime() };
    this.occurrences.set(key, {
      ...row,
      state: 'open',
      reason: null,
      explanation: null,
      runId: null,
    });
    const keys = this.#byTask.get(taskId);
    if (keys === undefined) this.#byTask.set(taskId, [key]);
    else keys.push(key);
    const unassigned = this.unassigned.get(taskId);
    if (unassigned === undefined) this.unassigned.set(taskId, new Set([key]));
    else unassigned.add(key);
  }

  protected forget(taskId: TaskId, key: string): void {
    this.occurrences.delete(key);
    const keys = this.#byTask.get(taskId) ?? [];
    keys.splice(keys.lastIndexOf(key), 1);
    this.unassigned.get(taskId)?.delete(key);
  }

  protected close(
    taskId: TaskId,
    scheduledFor: Date,
    end: OccurrenceEnd,
    explanation: string,
    runId: RunId | null,
  ): (() => void) | null {
    const key = MemoryRows.key(taskId, scheduledFor);
    const row = this.occurrences.get(key);
    if (row?.state !== 'open' || row.runId !== runId) return null;
    row.state = end.state;
    row.reason = end.reason;
    row.explanation = explanation;
    const wasUnassigned = this.unassigned.get(taskId)?.delete(key) === true;
    this.closings.push({ key, end });
    return () => {
      row.state = 'open';
      row.reason = null;
      if (wasUnassigned) this.unassigned.get(taskId)?.add(key);
      this.closings.pop();
    };
  }

  #newestDue(taskId: TaskId, now: Date): Date | null {
    // Rows are opened in order, so that the first one from the end is the newest.
    const keys = this.#byTask.get(taskId) ?? [];
    for (let at = keys.length - 1; at >= 0; at -= 1) {
      const row = this.occurrences.get(keys[at] ?? '');
      if (row !== undefined && row.dueAt !== null && row.dueAt <= now)
        if (supersedes(row.state, row.reason)) return row.scheduledFor;
    }
    return null;
  }

  protected look(taskId: TaskId): Omit<TaskView, 'occurrence'> {
    const now = this.clock();
    const active = this.activeRuns();
    const own = active.filter((run) => run.taskId === taskId);
    const [oldest] = own
      .filter((run) => !PACED.includes(run.trigger))
      .sort((a, b) => a.acceptedAt.getTime() - b.acceptedAt.getTime());
    return {
      now,
      applied: this.current.get(taskId)?.applied ?? null,
      pauses: this.pauses.filter((pause) => pause.taskId === taskId),
      activeRun: oldest === undefined ? null : { id: oldest.id, acceptedAt: oldest.acceptedAt },
      pacedRuns: {
        own: own.filter((run) => PACED.includes(run.trigger)).length,
        all: active.filter((run) => PACED.includes(run.trigger)).length,
      },
      newestDueAt: this.#newestDue(taskId, now),
    };
  }

  protected openUndoably(taskId: TaskId, occurrence: NewOccurrence, undo: (() => void)[]): void {
    const key = MemoryRows.key(taskId, occurrence.scheduledFor);
    if (this.occurrences.has(key)) return;
    this.open(taskId, occurrence);
    undo.push(() => this.forget(taskId, key));
  }

  protected addRun(run: NewRun, undo: (() => void)[]): Run {
    const stored: LedgerRun = {
      ...run,
      standsForOccurrence: run.occurrenceAt !== null,
      queueName: run.queue?.name ?? null,
      queueJobId: run.queue?.jobId ?? null,
      attempts: 0,
      crashes: 0,
      acceptedAt: this.clock(),
      startedAt: null,
      finishedAt: null,
      durationMs: null,
      worker: null,
      error: run.error ?? null,
      result: null,
      partial: false,
      reports: [],
      effects: null,
      wouldFail: null,
      cancelRequestedBy: null,
      progress: null,
      token: 0,
      queuedMs: this.clock().getTime(),
    };
    this.runs.set(run.id, stored);
    if (isActive(stored)) this.#active.add(run.id);
    undo.push(() => {
      this.runs.delete(run.id);
      this.#active.delete(run.id);
    });
    const { claims } = run;
    if (claims === undefined) return { ...stored };
    this.openUndoably(run.taskId, claims, undo);
    const key = MemoryRows.key(run.taskId, claims.scheduledFor);
    const row = this.occurrences.get(key);
    if (row?.state === 'open' && row.runId === null) {
      row.runId = run.id;
      this.unassigned.get(run.taskId)?.delete(key);
      undo.push(() => {
        row.runId = null;
        this.unassigned.get(run.taskId)?.add(key);
      });
    }
    return { ...stored };
  }
}
