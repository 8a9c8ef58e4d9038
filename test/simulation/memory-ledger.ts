import { AppError } from '#core/errors';
import type { RunId, TaskId } from '#core/ids';
import type { PauseInterval } from '#occurrences/decide-start';
import { type OccurrenceEnd, supersedes } from '#occurrences/occurrence-end';
import { nextStep } from '#runner/ledger/expected-rows';
import type {
  AppliedDeclaration,
  Closing,
  Cursor,
  NewOccurrence,
  Occurrence,
  OccurrenceLedger,
  RegistryBook,
  Revision,
  TaskBook,
  TaskView,
} from '#runner/ledger/occurrence-ledger';
import type { NewRun } from '#runner/ledger/run-ledger';
import type { Run } from '#runner/run';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

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

/**
 * The occurrence ledger in memory, for simulations: the same port as the one
 * in PostgreSQL, with time that a simulation sets and without a disk to wait
 * for. Work that throws leaves nothing behind, as a rolled back transaction.
 */
export class MemoryLedger implements OccurrenceLedger {
  readonly #now: () => Date;
  readonly occurrences = new Map<string, Mutable<Occurrence> & { openedMs: number }>();
  readonly runs = new Map<RunId, LedgerRun>();
  readonly spans: Mutable<DeclarationSpan>[] = [];
  readonly pauses: (Mutable<PauseInterval> & { readonly taskId: TaskId })[] = [];
  readonly revisions: Revision[] = [];
  /** Closings in their order; an occurrence that is in it twice was closed twice. */
  readonly closings: { readonly key: string; readonly end: OccurrenceEnd }[] = [];
  /** Keys in the order in which the rows were opened. */
  readonly #byTask = new Map<TaskId, string[]>();
  readonly #unassigned = new Map<TaskId, Set<string>>();
  readonly #activeRuns = new Set<RunId>();
  readonly #current = new Map<TaskId, Mutable<DeclarationSpan>>();
  #lastToken = 0;
  /** Rows that the registry which is being applied opened. */
  #opened: (readonly [TaskId, string])[] | null = null;

  constructor(now: () => Date) {
    this.#now = now;
  }

  static key(taskId: TaskId, scheduledFor: Date): string {
    return `${taskId} ${scheduledFor.getTime()}`;
  }

  async now(): Promise<Date> {
    return this.#now();
  }

  async withTask<T>(taskId: TaskId, work: (book: TaskBook) => Promise<T>): Promise<T> {
    const undo: (() => void)[] = [];
    try {
      return await work(this.#taskBook(taskId, undo));
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  async withRegistry<T>(work: (book: RegistryBook) => Promise<T>): Promise<T> {
    // Declarations are few, so the undo of a registry is a copy.
    const spans = this.spans.map((span) => ({ ...span }));
    const revisions = [...this.revisions];
    const opened: (readonly [TaskId, string])[] = [];
    this.#opened = opened;
    try {
      return await work(this.#registryBook());
    } catch (error) {
      this.spans.splice(0, this.spans.length, ...spans);
      this.revisions.splice(0, this.revisions.length, ...revisions);
      for (const [taskId, key] of opened) this.#forget(taskId, key);
      this.#current.clear();
      for (const span of this.spans)
        if (span.validTo === null) this.#current.set(span.taskId, span);
      throw error;
    } finally {
      this.#opened = null;
    }
  }

  async asLeader<T>(_role: string, work: () => Promise<T>): Promise<T | null> {
    return work();
  }

  async findRevision(): Promise<Revision | null> {
    return this.revisions.at(-1) ?? null;
  }

  async listDeclarations(): Promise<readonly AppliedDeclaration[]> {
    return [...this.#current.values()].map(({ applied }) => applied);
  }

  async listQueueNames(): Promise<readonly string[]> {
    return [...new Set(this.spans.map(({ applied }) => applied.declaration.queueName))];
  }

  async listCursors(now: Date, limit: number): Promise<readonly Cursor[]> {
    return [...this.#current.values()]
      .filter(({ applied }) => applied.nextAt !== null && applied.nextAt <= now)
      .slice(0, limit)
      .map(({ taskId, applied }) => ({ taskId, applied }));
  }

  async advance(steps: Parameters<OccurrenceLedger['advance']>[0]): Promise<void> {
    for (const { cursor, occurrences, nextAt } of steps) {
      const span = this.#current.get(cursor.taskId);
      const isSame =
        span?.applied.validFrom.getTime() === cursor.applied.validFrom.getTime() &&
        span.applied.nextAt?.getTime() === cursor.applied.nextAt?.getTime();
      if (span === undefined || !isSame) continue;
      span.applied = { ...span.applied, nextAt };
      for (const occurrence of occurrences) this.#open(cursor.taskId, occurrence);
    }
  }

  async listUnsettledTasks(now: Date, limit: number): Promise<readonly TaskId[]> {
    const due: TaskId[] = [];
    for (const [taskId, keys] of this.#unassigned)
      if ([...keys].some((key) => this.#isDue(key, now))) due.push(taskId);
    return due.slice(0, limit);
  }

  async listReleasedOccurrences(
    limit: number,
  ): Promise<readonly { readonly taskId: TaskId; readonly scheduledFor: Date }[]> {
    const found: { taskId: TaskId; scheduledFor: Date }[] = [];
    for (const keys of this.#unassigned.values())
      for (const key of keys) {
        const row = this.occurrences.get(key);
        if (row !== undefined && row.dueAt === null && this.#isReleased(row)) found.push(row);
      }
    return found.slice(0, limit);
  }

  // What follows is of the run ledger: the statements that a worker's attempt runs.

  /** Takes the run for an attempt; null when it ended, or `busy` while another run of its task is at work. */
  begin(runId: RunId, options: { readonly exclusive: boolean; readonly maxCrashes: number }) {
    const run = this.runs.get(runId);
    if (run === undefined || !isActive(run)) return null;
    if (options.exclusive)
      for (const id of this.#activeRuns) {
        const other = this.runs.get(id);
        if (other?.taskId === run.taskId && other.id !== runId && other.state === 'running')
          return 'busy';
      }
    if (run.state === 'running') {
      run.crashes += 1;
      if (run.crashes >= options.maxCrashes) {
        this.pauses.push({
          taskId: run.taskId,
          from: this.#now(),
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
    run.startedAt ??= this.#now();
    this.#lastToken += 1;
    run.token = this.#lastToken;
    return { token: run.token };
  }

  /** Records the end of an attempt; false when the run was taken over meanwhile. */
  finish(runId: RunId, token: number, succeeded: boolean): boolean {
    const run = this.runs.get(runId);
    if (run?.state !== 'running' || run.token !== token) return false;
    const row = this.occurrences.get(MemoryLedger.key(run.taskId, run.scheduledFor));
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

  activeRuns(): readonly LedgerRun[] {
    return [...this.#activeRuns].flatMap((id) => this.runs.get(id) ?? []);
  }

  pause(taskId: TaskId, by: string): void {
    if (this.pauses.some((pause) => pause.taskId === taskId && pause.to === null)) return;
    this.pauses.push({ taskId, from: this.#now(), to: null, by, reason: 'test' });
  }

  resume(taskId: TaskId): void {
    for (const pause of this.pauses)
      if (pause.taskId === taskId && pause.to === null) pause.to = this.#now();
  }

  #end(run: LedgerRun, state: Run['state'], end: OccurrenceEnd): void {
    run.state = state;
    run.finishedAt = this.#now();
    this.#activeRuns.delete(run.id);
    if (run.standsForOccurrence) this.#close(run.taskId, run.scheduledFor, end, '', run.id);
  }

  #isDue(key: string, now: Date): boolean {
    const dueAt = this.occurrences.get(key)?.dueAt ?? null;
    return dueAt !== null && dueAt <= now;
  }

  #isReleased({ taskId, scheduledFor, openedMs }: Occurrence & { openedMs: number }): boolean {
    const after = this.#current.get(taskId)?.applied.declaration.task.after ?? [];
    return after.every((id) => {
      const row = this.occurrences.get(MemoryLedger.key(id, scheduledFor));
      return row === undefined
        ? this.#now().getTime() - openedMs > 3_600_000
        : row.state !== 'open';
    });
  }

  #open(taskId: TaskId, { scheduledFor, dueAt, lateAt }: NewOccurrence): void {
    const key = MemoryLedger.key(taskId, scheduledFor);
    if (this.occurrences.has(key)) return;
    this.#opened?.push([taskId, key]);
    const row = { taskId, scheduledFor, dueAt, lateAt, openedMs: this.#now().getTime() };
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
    const unassigned = this.#unassigned.get(taskId);
    if (unassigned === undefined) this.#unassigned.set(taskId, new Set([key]));
    else unassigned.add(key);
  }

  #forget(taskId: TaskId, key: string): void {
    this.occurrences.delete(key);
    const keys = this.#byTask.get(taskId) ?? [];
    keys.splice(keys.lastIndexOf(key), 1);
    this.#unassigned.get(taskId)?.delete(key);
  }

  #close(
    taskId: TaskId,
    scheduledFor: Date,
    end: OccurrenceEnd,
    explanation: string,
    runId: RunId | null,
  ): (() => void) | null {
    const key = MemoryLedger.key(taskId, scheduledFor);
    const row = this.occurrences.get(key);
    if (row?.state !== 'open' || row.runId !== runId) return null;
    row.state = end.state;
    row.reason = end.reason;
    row.explanation = explanation;
    const wasUnassigned = this.#unassigned.get(taskId)?.delete(key) === true;
    this.closings.push({ key, end });
    return () => {
      row.state = 'open';
      row.reason = null;
      if (wasUnassigned) this.#unassigned.get(taskId)?.add(key);
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

  #look(taskId: TaskId): Omit<TaskView, 'occurrence'> {
    const now = this.#now();
    const active = this.activeRuns();
    const own = active.filter((run) => run.taskId === taskId);
    const [oldest] = own
      .filter((run) => !PACED.includes(run.trigger))
      .sort((a, b) => a.acceptedAt.getTime() - b.acceptedAt.getTime());
    return {
      now,
      applied: this.#current.get(taskId)?.applied ?? null,
      pauses: this.pauses.filter((pause) => pause.taskId === taskId),
      activeRun: oldest === undefined ? null : { id: oldest.id, acceptedAt: oldest.acceptedAt },
      pacedRuns: {
        own: own.filter((run) => PACED.includes(run.trigger)).length,
        all: active.filter((run) => PACED.includes(run.trigger)).length,
      },
      newestDueAt: this.#newestDue(taskId, now),
    };
  }

  #taskBook(taskId: TaskId, undo: (() => void)[]): TaskBook {
    const rowAt = (scheduledFor: Date) =>
      this.occurrences.get(MemoryLedger.key(taskId, scheduledFor));
    return {
      look: async (scheduledFor) => ({
        ...this.#look(taskId),
        occurrence: scheduledFor === undefined ? null : (rowAt(scheduledFor) ?? null),
      }),
      findRun: async (runId) => this.runs.get(runId) ?? null,
      listUnassigned: async (dueBy, limit) =>
        [...(this.#unassigned.get(taskId) ?? [])]
          .filter((key) => this.#isDue(key, dueBy))
          .flatMap((key) => this.occurrences.get(key) ?? [])
          .sort((a, b) => a.scheduledFor.getTime() - b.scheduledFor.getTime())
          .slice(0, limit),
      findEnds: async (taskIds, scheduledFor) =>
        taskIds.flatMap((id) => this.occurrences.get(MemoryLedger.key(id, scheduledFor)) ?? []),
      open: async (occurrence) => this.#openUndoably(taskId, occurrence, undo),
      reschedule: async ({ scheduledFor, dueAt, lateAt }) => {
        const row = rowAt(scheduledFor);
        if (row?.state !== 'open') return;
        const before = { dueAt: row.dueAt, lateAt: row.lateAt };
        Object.assign(row, { dueAt, lateAt });
        undo.push(() => Object.assign(row, before));
      },
      addRun: async (run) => this.#addRun(run, undo),
      close: async (closings, runId) => {
        for (const { scheduledFor, end, explanation } of closings) {
          const back = this.#close(taskId, scheduledFor, end, explanation, runId ?? null);
          if (back !== null) undo.push(back);
        }
      },
      endQueuedRun: async (runId: RunId, { scheduledFor, end, explanation }: Closing) => {
        const run = this.runs.get(runId);
        if (run?.state !== 'queued' || run.attempts > 0) return false;
        run.state = end.state === 'skipped' ? 'skipped' : 'missed';
        this.#activeRuns.delete(runId);
        this.#close(taskId, scheduledFor, end, explanation, runId);
        return true;
      },
    };
  }

  #openUndoably(taskId: TaskId, occurrence: NewOccurrence, undo: (() => void)[]): void {
    const key = MemoryLedger.key(taskId, occurrence.scheduledFor);
    if (this.occurrences.has(key)) return;
    this.#open(taskId, occurrence);
    undo.push(() => this.#forget(taskId, key));
  }

  #addRun(run: NewRun, undo: (() => void)[]): Run {
    const stored: LedgerRun = {
      ...run,
      standsForOccurrence: run.occurrenceAt !== null,
      queueName: run.queue?.name ?? null,
      queueJobId: run.queue?.jobId ?? null,
      attempts: 0,
      crashes: 0,
      acceptedAt: this.#now(),
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
      queuedMs: this.#now().getTime(),
    };
    this.runs.set(run.id, stored);
    if (isActive(stored)) this.#activeRuns.add(run.id);
    undo.push(() => {
      this.runs.delete(run.id);
      this.#activeRuns.delete(run.id);
    });
    const { claims } = run;
    if (claims === undefined) return { ...stored };
    this.#openUndoably(run.taskId, claims, undo);
    const key = MemoryLedger.key(run.taskId, claims.scheduledFor);
    const row = this.occurrences.get(key);
    if (row?.state === 'open' && row.runId === null) {
      row.runId = run.id;
      this.#unassigned.get(run.taskId)?.delete(key);
      undo.push(() => {
        row.runId = null;
        this.#unassigned.get(run.taskId)?.add(key);
      });
    }
    return { ...stored };
  }

  #registryBook(): RegistryBook {
    const latest = this.revisions.at(-1)?.appliedAt.getTime() ?? 0;
    const now = new Date(Math.max(this.#now().getTime(), latest + 1));
    return {
      now,
      findRevision: () => this.findRevision(),
      listApplied: async () =>
        new Map([...this.#current].map(([taskId, { applied }]) => [String(taskId), applied])),
      openExpected: async (taskIds) => {
        for (;;) {
          const due = (await this.listCursors(now, Number.MAX_SAFE_INTEGER)).filter(({ taskId }) =>
            taskIds.includes(taskId),
          );
          if (due.length === 0) return;
          await this.advance(due.map((cursor) => nextStep(cursor, now)));
        }
      },
      retire: async (taskIds) => {
        for (const taskId of taskIds) {
          const span = this.#current.get(taskId);
          if (span !== undefined) span.validTo = now;
          this.#current.delete(taskId);
        }
      },
      record: async ({ digest, reconcile, appliedBy }) => {
        const revision = this.revisions.length + 1;
        this.revisions.push({ revision, digest, reconcile, appliedBy, appliedAt: now });
        return revision;
      },
      enact: async (_revision, declarations) => {
        for (const { declaration, digest, nextAt } of declarations) {
          const taskId = declaration.task.id;
          if (this.#current.has(taskId))
            throw new AppError('internal', `${taskId} has a declaration in force already`);
          const applied = { declaration, digest, validFrom: now, nextAt };
          const span: Mutable<DeclarationSpan> = { taskId, applied, validTo: null };
          this.spans.push(span);
          this.#current.set(taskId, span);
        }
      },
    };
  }
}
