import type { BackfillWatch, CommandSession } from '#app/command-session';
import { AppError } from '#core/errors';
import { countEnded, stateOfBackfill, toBackfillRecord } from '#runner/backfill-record';
import type { Backfill } from '#runner/ledger/backfills';
import { toRunRecord } from '#runner/run-record';
import { readRange } from './backfill-range.ts';
import { printBackfill, printOutcome, progressText } from './backfill-view.ts';
import { STOPPED_FOLLOWING } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { withSession } from './open-session.ts';
import type { DayOrInstant } from './option-values.ts';
import { openProgress } from './run-watch.ts';
import { getTask, type InputOptions, readTaskInputs } from './task-inputs.ts';
import { plainText, printJson, printLine, styled } from './terminal-text.ts';

export interface StartBackfillOptions extends InputOptions {
  readonly from: DayOrInstant;
  readonly to: DayOrInstant;
  readonly dryRun?: boolean;
  readonly onlyMissing?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Exit codes of a backfill that was waited for, by how it stands then; `running`: its task is paused. */
const EXIT_CODES = { succeeded: 0, failed: 1, running: 4, cancelled: 130 } as const;

/** Shows how far a backfill is while `work` goes on: a bar on a terminal, else a line for each change. */
const withProgress = async (
  invocation: Invocation,
  signal: AbortSignal,
  work: (watch: BackfillWatch) => Promise<Backfill>,
): Promise<Backfill> => {
  const { stderr } = invocation;
  const bar = await openProgress(stderr);
  let told = '';
  try {
    return await work({
      signal,
      onProgress(backfill) {
        const text = progressText(backfill);
        bar.show({ done: countEnded(backfill), total: backfill.total, message: text });
        if (stderr.isTTY !== true && text !== told) bar.print(text);
        told = text;
      },
    });
  } finally {
    bar.stop();
  }
};

const answerEnd = async (
  { stdout, stderr }: Invocation,
  { runs, actor }: CommandSession,
  backfill: Backfill,
  format: { readonly json?: boolean },
): Promise<number> => {
  const made = await runs.listBackfillRuns(actor, backfill.id);
  if (format.json === true)
    printJson(stdout, { ...toBackfillRecord(backfill), runs: made.map(toRunRecord) });
  else printOutcome(stdout, backfill, made);
  const state = stateOfBackfill(backfill);
  if (state === 'running')
    printLine(
      stderr,
      `${backfill.taskId} is paused: the rest runs once it is resumed and a system is running, or opsloop backfill cancel ${backfill.id}`,
    );
  return EXIT_CODES[state];
};

const runHere = async (
  invocation: Invocation,
  session: CommandSession,
  backfill: Backfill,
): Promise<Backfill> => {
  const stopSignal = invocation.claimStopSignal();
  const note = (): void =>
    printLine(invocation.stderr, 'cancelling the backfill; press Ctrl-C again to exit at once');
  stopSignal.addEventListener('abort', note, { once: true });
  try {
    return await withProgress(invocation, stopSignal, (watch) =>
      session.runBackfill(backfill, watch),
    );
  } finally {
    stopSignal.removeEventListener('abort', note);
  }
};

/** The running system makes the runs; with `--wait` they are followed. */
const leaveToSystem = async (
  invocation: Invocation,
  session: CommandSession,
  backfill: Backfill,
  options: StartBackfillOptions,
): Promise<number> => {
  const { stdout, stderr } = invocation;
  if (options.wait === true) {
    printLine(stderr, `${backfill.id} is recorded; Ctrl-C stops following it`);
    const stopSignal = invocation.claimStopSignal();
    const ended = await withProgress(invocation, stopSignal, (watch) =>
      session.followBackfill(backfill.id, watch),
    );
    if (stateOfBackfill(ended) !== 'running') return answerEnd(invocation, session, ended, options);
    printLine(stderr, `stopped following; it goes on: opsloop backfill show ${backfill.id}`);
    return STOPPED_FOLLOWING;
  }
  if (options.json === true) printJson(stdout, toBackfillRecord(backfill));
  else {
    printBackfill(stdout, backfill);
    printLine(stderr, `follow it: opsloop backfill show ${backfill.id}`);
  }
  return 0;
};

const warn = ({ stderr }: Invocation, text: string): void =>
  printLine(stderr, `${styled(stderr, 'yellow', 'warning:')} ${plainText(text)}`);

/** Records a backfill, and executes it here when no system is running that would. */
export const startBackfill = (
  invocation: Invocation,
  taskId: string,
  options: StartBackfillOptions,
): Promise<number> =>
  withSession(invocation, async (session) => {
    const { runs, actor, registry } = session;
    const task = getTask(registry, taskId);
    const inputs = await readTaskInputs(invocation, task, options);
    const { pause } = await runs.getTask(actor, taskId);
    const live = await session.findLiveSystem();
    const dryRun = options.dryRun === true;
    if (live === null && pause !== null && !dryRun)
      throw new AppError('conflict', `task ${taskId} is paused by ${pause.by}: ${pause.reason}`);
    const backfill = await runs.startBackfill({
      taskId,
      ...readRange(session, task, options),
      inputs,
      dryRun,
      onlyMissing: options.onlyMissing === true,
      actor,
    });
    if (backfill.total === 0) return answerEnd(invocation, session, backfill, options);
    if (live !== null) {
      if (pause !== null)
        warn(invocation, `${taskId} is paused: its runs wait until it is resumed`);
      if (live.differingSettings.length > 0)
        warn(
          invocation,
          `the running system, which makes the runs, has another ${live.differingSettings.join(', ')}`,
        );
      return leaveToSystem(invocation, session, backfill, options);
    }
    printLine(invocation.stderr, 'no system is running on this ledger: running in this process');
    return answerEnd(invocation, session, await runHere(invocation, session, backfill), options);
  });
