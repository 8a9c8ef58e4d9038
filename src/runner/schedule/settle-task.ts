import type { TaskId } from '#core/ids';
import { type DeliveryState, decideStart } from '#occurrences/decide-start';
import { lateAtOf } from '#occurrences/expected-occurrences';
import type { QueueEngine, QueueJobState } from '#queue/queue-port';
import type { Declaration } from '#registry/declaration';
import { expectationOf } from '../ledger/expected-rows.ts';
import type {
  AppliedDeclaration,
  Closing,
  Occurrence,
  OccurrenceLedger,
  TaskBook,
  TaskView,
} from '../ledger/occurrence-ledger.ts';
import type { Run } from '../run.ts';
import { factsOf } from './occurrence-facts.ts';
import { scheduledRun } from './scheduled-run.ts';

/** The queue engine delivers a slot well within this; only then does the ledger start it itself. */
export const DELIVERY_GRACE_MS = 5_000;
/** Occurrences of a task that are decided in one transaction. */
const BATCH = 500;

/** A run that the ledger started, whose queue job is still to be made. */
export interface StartedByLedger {
  readonly run: Run;
  readonly declaration: Declaration;
}

export interface Settled {
  readonly started: readonly StartedByLedger[];
  readonly closed: readonly (Closing & { readonly taskId: TaskId })[];
  /** Whether another look would find more to decide at once. */
  readonly hasMore: boolean;
}

const NOTHING: Settled = { started: [], closed: [], hasMore: false };

const DELIVERY: Readonly<Record<QueueJobState, DeliveryState>> = {
  waiting: 'under_way',
  active: 'under_way',
  delayed: 'scheduled',
  // The job is over and the occurrence has no run: nobody will come for it any more.
  completed: 'none',
  failed: 'none',
};

const closeRemoved = async (
  book: TaskBook,
  taskId: TaskId,
  unassigned: readonly Occurrence[],
): Promise<Settled> => {
  const closings = unassigned.map(
    ({ scheduledFor }): Closing => ({
      scheduledFor,
      end: { state: 'missed', reason: 'removed' },
      explanation: 'the registry has no such task any more',
    }),
  );
  await book.close(closings);
  return {
    started: [],
    closed: closings.map((closing) => ({ ...closing, taskId })),
    hasMore: unassigned.length === BATCH,
  };
};

/** The state of the engine's own job for each; a task that follows others has none. */
const deliveriesOf = async (
  queue: Pick<QueueEngine, 'findSlotStates'>,
  { declaration }: AppliedDeclaration,
  occurrences: readonly Occurrence[],
): Promise<readonly DeliveryState[]> => {
  const { task, queueName } = declaration;
  if (task.schedule === null) return occurrences.map(() => 'none');
  const states = await queue.findSlotStates(
    queueName,
    occurrences.map(({ scheduledFor }) => ({ schedulerId: task.id, slot: scheduledFor })),
  );
  return states.map((state) => (state === null ? 'none' : DELIVERY[state]));
};

const decideEach = async (
  book: TaskBook,
  look: { readonly view: TaskView; readonly applied: AppliedDeclaration },
  due: readonly (Occurrence & { readonly delivery: DeliveryState })[],
): Promise<Pick<Settled, 'closed' | 'started'>> => {
  const { applied } = look;
  const { declaration } = applied;
  const closings: Closing[] = [];
  const started: StartedByLedger[] = [];
  let { view } = look;
  for (const occurrence of due) {
    const { scheduledFor } = occurrence;
    const decision = decideStart(factsOf(view, applied, occurrence));
    if (decision.kind === 'close') closings.push({ scheduledFor, ...decision });
    if (decision.kind === 'delay') {
      const lateAt = lateAtOf(expectationOf(declaration), scheduledFor, decision.until);
      await book.reschedule({ scheduledFor, dueAt: decision.until, lateAt });
    }
    if (decision.kind !== 'run') continue;
    const { trigger } = decision;
    const run = await book.addRun(
      scheduledRun(declaration, {
        occurrence,
        now: view.now,
        trigger,
        state: 'queued',
        deliveredJob: null,
      }),
    );
    started.push({ run, declaration });
    // The next one is decided in the light of this one.
    const { pacedRuns, activeRun } = view;
    view =
      trigger === 'catchup'
        ? { ...view, pacedRuns: { own: pacedRuns.own + 1, all: pacedRuns.all + 1 } }
        : { ...view, activeRun: activeRun ?? { id: run.id, acceptedAt: view.now } };
  }
  await book.close(closings);
  const { id } = declaration.task;
  return { started, closed: closings.map((closing) => ({ ...closing, taskId: id })) };
};

/**
 * Decides about the occurrences of a task that are due and that nobody took:
 * the engine lost or skipped them, nothing was running, they were delayed, or
 * what they waited for has happened. The runs are in the ledger when this
 * resolves; the caller makes their queue jobs.
 */
export const settleTask = (
  ledger: OccurrenceLedger,
  queue: Pick<QueueEngine, 'findSlotStates'>,
  taskId: TaskId,
): Promise<Settled> =>
  ledger.withTask(taskId, async (book) => {
    const view = await book.look();
    const { applied, now } = view;
    const unassigned = await book.listUnassigned(now, BATCH);
    if (unassigned.length === 0) return NOTHING;
    if (applied === null) return closeRemoved(book, taskId, unassigned);
    // Which one is the latest is known only when all of them have their rows.
    if (applied.nextAt !== null && applied.nextAt <= now) return { ...NOTHING, hasMore: true };
    const hasSchedule = applied.declaration.task.schedule !== null;
    const due = unassigned.filter(({ scheduledFor, dueAt }) => {
      if (dueAt === null) return false;
      // The engine delivers at the instant alone; what is due at another time is the ledger's to start.
      const isAtInstant = hasSchedule && dueAt.getTime() === scheduledFor.getTime();
      return now.getTime() - dueAt.getTime() >= (isAtInstant ? DELIVERY_GRACE_MS : 0);
    });
    if (due.length === 0) return NOTHING;
    const deliveries = await deliveriesOf(queue, applied, due);
    const decided = await decideEach(
      book,
      { view, applied },
      due.map((occurrence, index) => ({ ...occurrence, delivery: deliveries[index] ?? 'none' })),
    );
    return { ...decided, hasMore: due.length === BATCH && decided.closed.length > 0 };
  });
