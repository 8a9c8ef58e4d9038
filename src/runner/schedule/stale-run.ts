import { lateAfterMs } from '#occurrences/lateness';
import type { TaskDefinition } from '#registry/task';
import type { OccurrenceLedger } from '../ledger/occurrence-ledger.ts';
import type { Run } from '../run.ts';
import { lateAtFor, newestDueAt } from './occurrence-facts.ts';

/** A first look without the ledger: only a run of the schedule that is late and never started can have waited too long. */
export const mayBeStale = (run: Run, task: TaskDefinition, now: Date): boolean =>
  run.state === 'queued' &&
  run.attempts === 0 &&
  run.standsForOccurrence &&
  run.trigger === 'schedule' &&
  task.catchUp !== 'all' &&
  now.getTime() - run.scheduledFor.getTime() >
    lateAfterMs(task.schedule, task.lateAfterMs, run.scheduledFor);

/**
 * Ends a run that waited until a later occurrence was due (`overlap: queue`, or
 * a queue that was held up): only the newest is worth running, unless the task
 * catches up `all`. Answers why, or null when the run may start.
 */
export const dropStaleRun = (ledger: OccurrenceLedger, run: Run): Promise<string | null> =>
  ledger.withTask(run.taskId, async (book) => {
    const { scheduledFor } = run;
    const view = await book.look(scheduledFor);
    const { applied, now, occurrence } = view;
    if (applied === null || occurrence?.runId !== run.id) return null;
    const { catchUp } = applied.declaration.task;
    if (catchUp === 'all' || now <= lateAtFor(applied, occurrence)) return null;
    const newest = newestDueAt(view, applied);
    if (newest === null || newest <= scheduledFor) return null;
    const explanation = `its turn came when ${newest.toISOString()} was due already`;
    const isEnded = await book.endQueuedRun(run.id, {
      scheduledFor,
      end: { state: 'skipped', reason: 'stale' },
      explanation,
    });
    return isEnded ? explanation : null;
  });
