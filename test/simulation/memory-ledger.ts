import { AppError } from '#core/errors';
import type { RunId, TaskId } from '#core/ids';
import { nextStep } from '#runner/ledger/expected-rows';
import type {
  AppliedDeclaration,
  Closing,
  Cursor,
  OccurrenceLedger,
  RegistryBook,
  Revision,
  TaskBook,
} from '#runner/ledger/occurrence-ledger';
import { type DeclarationSpan, MemoryRows, type Mutable } from './memory-rows.ts';

/**
 * The occurrence ledger in memory, for simulations: the same port as the one
 * in PostgreSQL, with time that a simulation sets and without a disk to wait
 * for. Work that throws leaves nothing behind, as a rolled back transaction.
 */
export class MemoryLedger extends MemoryRows implements OccurrenceLedger {
  async now(): Promise<Date> {
    return this.clock();
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
    this.opened = opened;
    try {
      return await work(this.#registryBook());
    } catch (error) {
      this.spans.splice(0, this.spans.length, ...spans);
      this.revisions.splice(0, this.revisions.length, ...revisions);
      for (const [taskId, key] of opened) this.forget(taskId, key);
      this.current.clear();
      for (const span of this.spans) if (span.validTo === null) this.current.set(span.taskId, span);
      throw error;
    } finally {
      this.opened = null;
    }
  }

  async asLeader<T>(_role: string, work: () => Promise<T>): Promise<T | null> {
    return work();
  }

  async findRevision(): Promise<Revision | null> {
    return this.revisions.at(-1) ?? null;
  }

  async listDeclarations(): Promise<readonly AppliedDeclaration[]> {
    return [...this.current.values()].map(({ applied }) => applied);
  }

  async listQueueNames(): Promise<readonly string[]> {
    return [...new Set(this.spans.map(({ applied }) => applied.declaration.queueName))];
  }

  async listCursors(now: Date, limit: number): Promise<readonly Cursor[]> {
    return [...this.current.values()]
      .filter(({ applied }) => applied.nextAt !== null && applied.nextAt <= now)
      .slice(0, limit)
      .map(({ taskId, applied }) => ({ taskId, applied }));
  }

  async advance(steps: Parameters<OccurrenceLedger['advance']>[0]): Promise<void> {
    for (const { cursor, occurrences, nextAt } of steps) {
      const span = this.current.get(cursor.taskId);
      const isSame =
        span?.applied.validFrom.getTime() === cursor.applied.validFrom.getTime() &&
        span.applied.nextAt?.getTime() === cursor.applied.nextAt?.getTime();
      if (span === undefined || !isSame) continue;
      span.applied = { ...span.applied, nextAt };
      for (const occurrence of occurrences) this.open(cursor.taskId, occurrence);
    }
  }

  async listUnsettledTasks(
    now: Date,
    page: { readonly after: string; readonly limit: number; readonly graceMs: number },
  ): Promise<readonly TaskId[]> {
    const { after, limit, graceMs } = page;
    const isUnsettled = (key: string): boolean => {
      const row = this.occurrences.get(key);
      const dueMs = row?.dueAt?.getTime() ?? Number.POSITIVE_INFINITY;
      const ageMs = now.getTime() - dueMs;
      return ageMs >= (dueMs === row?.scheduledFor.getTime() ? graceMs : 0);
    };
    const due: TaskId[] = [];
    for (const [taskId, keys] of this.unassigned)
      if (taskId > after && [...keys].some(isUnsettled)) due.push(taskId);
    return due.sort().slice(0, limit);
  }

  async listReleasedOccurrences(
    limit: number,
  ): Promise<readonly { readonly taskId: TaskId; readonly scheduledFor: Date }[]> {
    const found: { taskId: TaskId; scheduledFor: Date }[] = [];
    for (const keys of this.unassigned.values())
      for (const key of keys) {
        const row = this.occurrences.get(key);
        if (row !== undefined && row.dueAt === null && this.isReleased(row)) found.push(row);
      }
    return found.slice(0, limit);
  }

  #taskBook(taskId: TaskId, undo: (() => void)[]): TaskBook {
    const rowAt = (scheduledFor: Date) =>
      this.occurrences.get(MemoryLedger.key(taskId, scheduledFor));
    return {
      look: async (scheduledFor) => ({
        ...this.look(taskId),
        occurrence: scheduledFor === undefined ? null : (rowAt(scheduledFor) ?? null),
      }),
      findRun: async (runId) => this.runs.get(runId) ?? null,
      listUnassigned: async (dueBy, limit) =>
        [...(this.unassigned.get(taskId) ?? [])]
          .filter((key) => this.isDue(key, dueBy))
          .flatMap((key) => this.occurrences.get(key) ?? [])
          .sort((a, b) => a.scheduledFor.getTime() - b.scheduledFor.getTime())
          .slice(0, limit),
      findEnds: async (taskIds, scheduledFor) =>
        taskIds.flatMap((id) => this.occurrences.get(MemoryLedger.key(id, scheduledFor)) ?? []),
      open: async (occurrence) => this.openUndoably(taskId, occurrence, undo),
      reschedule: async ({ scheduledFor, dueAt, lateAt }) => {
        const row = rowAt(scheduledFor);
        if (row?.state !== 'open') return;
        const before = { dueAt: row.dueAt, lateAt: row.lateAt };
        Object.assign(row, { dueAt, lateAt });
        undo.push(() => Object.assign(row, before));
      },
      addRun: async (run) => this.addRun(run, undo),
      close: async (closings, runId) => {
        for (const { scheduledFor, end, explanation } of closings) {
          const back = this.close(taskId, scheduledFor, end, explanation, runId ?? null);
          if (back !== null) undo.push(back);
        }
      },
      endQueuedRun: async (runId: RunId, { scheduledFor, end, explanation }: Closing) => {
        const run = this.runs.get(runId);
        if (run?.state !== 'queued' || run.attempts > 0) return false;
        run.state = end.state === 'skipped' ? 'skipped' : 'missed';
        this.forgetActive(runId);
        this.close(taskId, scheduledFor, end, explanation, runId);
        return true;
      },
    };
  }

  #registryBook(): RegistryBook {
    const latest = this.revisions.at(-1)?.appliedAt.getTime() ?? 0;
    const now = new Date(Math.max(this.clock().getTime(), latest + 1));
    return {
      now,
      findRevision: () => this.findRevision(),
      listApplied: async () =>
        new Map([...this.current].map(([taskId, { applied }]) => [String(taskId), applied])),
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
          const span = this.current.get(taskId);
          if (span !== undefined) span.validTo = now;
          this.current.delete(taskId);
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
          if (this.current.has(taskId))
            throw new AppError('internal', `${taskId} has a declaration in force already`);
          const applied = { declaration, digest, validFrom: now, nextAt };
          const span: Mutable<DeclarationSpan> = { taskId, applied, validTo: null };
          this.spans.push(span);
          this.current.set(taskId, span);
        }
      },
    };
  }
}
