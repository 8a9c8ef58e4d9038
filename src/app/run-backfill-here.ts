import { backfillInline } from '#runner/backfill-inline';
import type { Backfill } from '#runner/ledger/backfills';
import type { Actor, Run } from '#runner/run';
import type { Runs } from '#runner/runs';
import type { BackfillWatch } from './command-session.ts';
import { type InlineParts, withInlineEnvironment } from './inline-environment.ts';
import { waitForBackfill } from './wait-for-backfill.ts';

const REASON = 'interrupted at the terminal';

/**
 * Executes a backfill in this process and answers how it stands then: ended, or
 * `running` where a pause of its task holds it back. An abort cancels it
 * together with the run under way, through the ledger, so that both are
 * recorded with who asked.
 */
export const runBackfillHere = (
  parts: InlineParts & { readonly runs: Runs; readonly actor: Actor },
  { id, taskId, dryRun }: Backfill,
  watch: BackfillWatch,
): Promise<Backfill> =>
  withInlineEnvironment(parts, async (environment) => {
    const { runs, actor } = parts;
    let underWay: Run | undefined;
    const cancel = async (): Promise<void> => {
      // The backfill first: after that no run is made that nobody would cancel.
      await runs.cancelBackfill(actor, id).catch(() => undefined);
      if (underWay !== undefined) await runs.cancel(actor, underWay.id, REASON);
    };
    const onAbort = (): void => {
      void cancel().catch(() => undefined);
    };
    watch.signal.addEventListener('abort', onAbort, { once: true });
    if (watch.signal.aborted) await cancel();
    try {
      watch.onProgress(await runs.getBackfill(actor, id));
      const end = await backfillInline(
        environment,
        { id, taskId, dryRun },
        {
          onMade: (run) => {
            underWay = run;
          },
          async onEnded() {
            underWay = undefined;
            watch.onProgress(await runs.getBackfill(actor, id));
          },
        },
      );
      // A system that was started meanwhile may have taken a run of it.
      return end === 'paused'
        ? await runs.getBackfill(actor, id)
        : await waitForBackfill(parts, id, watch);
    } finally {
      watch.signal.removeEventListener('abort', onAbort);
    }
  });
