import type { CommandSession } from '#app/command-session';
import { toStartedRecord } from '#runner/run-record';
import type { StartRequest } from '#runner/runs';
import { endOfRun, followRun, type Waited } from './follow-run.ts';
import type { Invocation } from './invocation.ts';
import { withSession } from './open-session.ts';
import { openRunWatch } from './run-watch.ts';
import { getTask, type InputOptions, readTaskInputs } from './task-inputs.ts';
import { printJson, printLine } from './terminal-text.ts';

export interface RunTaskOptions extends InputOptions {
  readonly dryRun?: boolean;
  readonly scheduledFor?: string;
  readonly force?: boolean;
  readonly dryRunId?: string;
  readonly wait?: boolean;
  readonly inline?: boolean;
  readonly json?: boolean;
}

/** Null when the run can be left to the running system, else why it happens here. */
const reasonToRunHere = async (
  session: CommandSession,
  options: RunTaskOptions,
): Promise<string | null> => {
  if (options.inline === true) return 'running in this process, as asked';
  const live = await session.findLiveSystem();
  if (live === null) return 'no system is running on this ledger: running in this process';
  return live.differingSettings.length === 0
    ? null
    : `running in this process: the running system has another ${live.differingSettings.join(', ')}`;
};

const runHere = async (
  invocation: Invocation,
  session: CommandSession,
  request: StartRequest,
): Promise<Waited> => {
  const stopSignal = invocation.claimStopSignal();
  const note = (): void =>
    printLine(invocation.stderr, 'cancelling the run; press Ctrl-C again to exit at once');
  const opened = await openRunWatch(invocation.stderr, stopSignal);
  stopSignal.addEventListener('abort', note, { once: true });
  try {
    return { kind: 'ended', run: await session.runInline(request, opened.watch) };
  } finally {
    stopSignal.removeEventListener('abort', note);
    opened.close();
  }
};

const startElsewhere = async (
  invocation: Invocation,
  session: CommandSession,
  request: StartRequest,
  options: RunTaskOptions,
): Promise<number> => {
  const started = await session.runs.start(request);
  if (options.wait === true) {
    printLine(
      invocation.stderr,
      `${started.runId} is ${started.status}; Ctrl-C stops following it`,
    );
    return endOfRun(invocation, await followRun(invocation, session, started.runId), options);
  }
  if (options.json === true) printJson(invocation.stdout, toStartedRecord(started));
  else {
    printLine(invocation.stdout, `${started.runId} ${started.status} (${started.taskId})`);
    printLine(invocation.stderr, `follow it: opsloop runs show ${started.runId} --follow`);
  }
  return 0;
};

/** Starts a task, here or in the running system, and answers the exit code. */
export const runTask = (
  invocation: Invocation,
  taskId: string,
  options: RunTaskOptions,
): Promise<number> =>
  withSession(invocation, async (session) => {
    const request: StartRequest = {
      taskId,
      inputs: await readTaskInputs(invocation, getTask(session.registry, taskId), options),
      dryRun: options.dryRun === true,
      ...(options.scheduledFor === undefined ? {} : { scheduledFor: options.scheduledFor }),
      force: options.force === true,
      ...(options.dryRunId === undefined ? {} : { dryRunId: options.dryRunId }),
      trigger: 'cli',
      actor: session.actor,
    };
    const reason = await reasonToRunHere(session, options);
    if (reason === null) return startElsewhere(invocation, session, request, options);
    if (options.inline !== true) printLine(invocation.stderr, reason);
    return endOfRun(invocation, await runHere(invocation, session, request), options);
  });
