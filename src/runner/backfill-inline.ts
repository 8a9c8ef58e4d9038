import { getEntry } from './check-start.ts';
import type { Backfill } from './ledger/backfills.ts';
import { findPause } from './ledger/task-pauses.ts';
import type { Run } from './run.ts';
import { executeHere, type InlineEnvironment } from './run-inline.ts';
import { addNextBackfillRun } from './supervise/dispatch-backfills.ts';

/** Why the loop ended: nothing is left to make, or somebody paused the task. */
export type BackfillLoopEnd = 'done' | 'paused';

/**
 * Executes what is left of a backfill in this process: oldest first, each run
 * to its end before the next is made. A pause that comes in between holds back
 * the real ones, as it does a start on request; cancelling the backfill ends the loop.
 */
export const backfillInline = async (
  environment: InlineEnvironment,
  backfill: Pick<Backfill, 'id' | 'taskId' | 'dryRun'>,
  watch: { readonly onMade: (run: Run) => void; readonly onEnded: (run: Run) => Promise<void> },
): Promise<BackfillLoopEnd> => {
  const { database, clock, catalog } = environment;
  const entry = getEntry(catalog, backfill.taskId);
  for (;;) {
    if (!backfill.dryRun && (await findPause(database, backfill.taskId)) !== null) return 'paused';
    const run = await addNextBackfillRun(database, entry, {
      backfillId: backfill.id,
      now: clock.now(),
      isQueued: false,
    });
    if (run === null) return 'done';
    watch.onMade(run);
    await watch.onEnded(await executeHere(environment, run));
  }
};
