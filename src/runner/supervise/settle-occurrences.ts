import type { TaskId } from '#core/ids';
import type { QueueEngine } from '#queue/queue-port';
import { enqueueRuns } from '../enqueue-runs.ts';
import type { Closing, OccurrenceLedger } from '../ledger/occurrence-ledger.ts';
import { releaseOccurrence } from '../schedule/release-occurrence.ts';
import { DELIVERY_GRACE_MS, type StartedByLedger, settleTask } from '../schedule/settle-task.ts';
import { openExpected } from './open-expected.ts';

export interface SettlingContext {
  readonly ledger: OccurrenceLedger;
  readonly queue: Pick<QueueEngine, 'findSlotStates' | 'enqueueMany'>;
  /** Asked between two steps; a pass that is cut short goes on with the next. */
  readonly mayGoOn: () => boolean;
}

export interface SettledOccurrences {
  readonly started: readonly StartedByLedger[];
  readonly closed: readonly (Closing & { readonly taskId: TaskId })[];
  /** Nothing that could be decided is left. */
  readonly isComplete: boolean;
}

const TASKS_AT_ONCE = 500;
const RELEASED_AT_ONCE = 500;

const releaseAll = async (
  ledger: OccurrenceLedger,
): Promise<readonly (Closing & { readonly taskId: TaskId })[]> => {
  const closed: (Closing & { readonly taskId: TaskId })[] = [];
  for (const { taskId, scheduledFor } of await ledger.listReleasedOccurrences(RELEASED_AT_ONCE)) {
    const closing = await releaseOccurrence(ledger, taskId, scheduledFor);
    if (closing !== null) closed.push(closing);
  }
  return closed;
};

/**
 * From the clock to the end of every occurrence that no worker was given: opens
 * what fell due, lets go what waited for others, and decides about the rest.
 * While the queue engine is away nothing is decided, since it may be about to
 * deliver.
 */
export const settleOccurrences = async (context: SettlingContext): Promise<SettledOccurrences> => {
  const { ledger, queue, mayGoOn } = context;
  const opened = await openExpected(ledger, mayGoOn);
  const closed = [...(await releaseAll(ledger))];
  const started: StartedByLedger[] = [];
  let { isComplete } = opened;
  const now = await ledger.now();
  // Page by page, since tasks that have to wait (paused, say) stay in the list.
  for (let after = ''; ; ) {
    const page = await ledger.listUnsettledTasks(now, {
      after,
      limit: TASKS_AT_ONCE,
      graceMs: DELIVERY_GRACE_MS,
    });
    for (const taskId of page) {
      for (let hasMore = true; hasMore; ) {
        if (!mayGoOn()) return { started, closed, isComplete: false };
        const settled = await settleTask(ledger, queue, taskId);
        started.push(...settled.started);
        closed.push(...settled.closed);
        if (settled.started.length > 0)
          await enqueueRuns(
            queue,
            settled.started.map(({ run, declaration }) => ({
              run,
              queueName: declaration.queueName,
              attempts: declaration.task.attempts,
            })),
          );
        hasMore = settled.hasMore && settled.closed.length > 0;
        if (settled.hasMore && !hasMore) isComplete = false;
      }
    }
    const last = page.at(-1);
    if (last === undefined || page.length < TASKS_AT_ONCE) break;
    after = last;
  }
  return { started, closed, isComplete };
};
