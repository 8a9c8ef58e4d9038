import type { CommandSession } from '#app/command-session';
import { isFinal, type Run } from '#runner/run';
import { toRunRecord } from '#runner/run-record';
import { RUN_EXIT_CODES, STOPPED_FOLLOWING } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { printRun } from './run-view.ts';
import { openRunWatch } from './run-watch.ts';
import { printJson, printLine } from './terminal-text.ts';

/** How waiting for a run ended: with the run, or because the reader had enough. */
export type Waited =
  | { readonly kind: 'ended'; readonly run: Run }
  | { readonly kind: 'stopped'; readonly runId: string };

/** Follows a run of another process until it has ended, or until Ctrl-C, which leaves the run alone. */
export const followRun = async (
  invocation: Invocation,
  session: CommandSession,
  runId: string,
): Promise<Waited> => {
  const stopSignal = invocation.claimStopSignal();
  const opened = await openRunWatch(invocation.stderr, stopSignal);
  try {
    const run = await session.follow(runId, opened.watch);
    return isFinal(run.state) ? { kind: 'ended', run } : { kind: 'stopped', runId };
  } catch (error) {
    if (stopSignal.aborted) return { kind: 'stopped', runId };
    throw error;
  } finally {
    opened.close();
  }
};

/** Prints how waiting ended and answers the exit code for it. */
export const endOfRun = (
  invocation: Invocation,
  waited: Waited,
  format: { readonly json?: boolean },
): number => {
  if (waited.kind === 'stopped') {
    printLine(
      invocation.stderr,
      `stopped following; the run goes on: opsloop runs show ${waited.runId}`,
    );
    return STOPPED_FOLLOWING;
  }
  const { run } = waited;
  if (format.json === true) printJson(invocation.stdout, toRunRecord(run));
  else printRun(invocation.stdout, run);
  return isFinal(run.state) ? RUN_EXIT_CODES[run.state] : 1;
};
