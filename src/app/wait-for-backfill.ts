import type { Clock } from '#core/clock';
import { stateOfBackfill } from '#runner/backfill-record';
import type { Backfill } from '#runner/ledger/backfills';
import type { Actor } from '#runner/run';
import type { Runs } from '#runner/runs';
import type { BackfillWatch } from './command-session.ts';

const POLL_MS = 500;

/**
 * Tells how far a backfill is until the last of its runs has ended. When
 * `watch.signal` aborts it answers how the backfill stands then.
 */
export const waitForBackfill = async (
  { runs, clock, actor }: { readonly runs: Runs; readonly clock: Clock; readonly actor: Actor },
  backfillId: string,
  watch: BackfillWatch,
): Promise<Backfill> => {
  for (;;) {
    const backfill = await runs.getBackfill(actor, backfillId);
    watch.onProgress(backfill);
    if (stateOfBackfill(backfill) !== 'running' || watch.signal.aborted) return backfill;
    await clock.sleep(POLL_MS, watch.signal);
  }
};
