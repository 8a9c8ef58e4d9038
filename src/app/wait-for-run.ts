import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { RUN_ENDED_CHANNEL } from '#runner/ledger/finish-run';
import { type Actor, isFinal, type Run } from '#runner/run';
import type { Runs } from '#runner/runs';
import type { Database } from '#storage/database';
import type { RunWatch } from './command-session.ts';

/** How often log and progress are read; the end itself is notified. */
const POLL_MS = 500;

export interface FollowOptions {
  readonly runs: Runs;
  readonly database: Database;
  readonly clock: Clock;
  readonly actor: Actor;
  readonly watch: RunWatch;
}

/** Streams a run's log and progress until it has ended; throws when `watch.signal` aborts. */
export const waitForRun = async (options: FollowOptions, runId: string): Promise<Run> => {
  const { runs, database, clock, actor, watch } = options;
  let wake = new AbortController();
  const subscription = await database.listen(RUN_ENDED_CHANNEL, (ended) => {
    if (ended === runId) wake.abort();
  });
  const onStop = (): void => {
    wake.abort();
  };
  watch.signal.addEventListener('abort', onStop);
  let seq = 0;
  try {
    for (;;) {
      const run = await runs.get(actor, runId);
      for (;;) {
        const lines = await runs.readLog(actor, runId, seq);
        for (const line of lines) watch.onLog(line);
        const last = lines.at(-1);
        if (last === undefined) break;
        seq = last.seq;
      }
      if (run.progress !== null) watch.onProgress(run.progress);
      if (isFinal(run.state)) return run;
      if (watch.signal.aborted)
        throw new AppError('conflict', 'stopped following; the run goes on');
      await clock.sleep(POLL_MS, wake.signal);
      if (wake.signal.aborted && !watch.signal.aborted) wake = new AbortController();
    }
  } finally {
    watch.signal.removeEventListener('abort', onStop);
    await subscription.close();
  }
};
