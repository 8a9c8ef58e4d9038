import type { CommandSession } from '#app/command-session';
import type { RunId } from '#core/ids';
import type { RunEvent, RunState, RunTrigger } from '#runner/run';
import { toEventRecord, toLogRecord, toRunRecord, toStartedRecord } from '#runner/run-record';
import type { RunLogLine } from '#runner/runs';
import { endOfRun, followRun } from './follow-run.ts';
import type { Invocation } from './invocation.ts';
import { withSession } from './open-session.ts';
import { printRun } from './run-view.ts';
import {
  formatDuration,
  formatInstant,
  printJson,
  printLine,
  printTable,
} from './terminal-text.ts';

export interface ListRunsOptions {
  readonly task?: string;
  readonly state?: readonly RunState[];
  readonly trigger?: readonly RunTrigger[];
  readonly from?: Date;
  readonly to?: Date;
  readonly limit: number;
  readonly before?: string;
  readonly json?: boolean;
}

export interface ShowRunOptions {
  readonly log?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

export const listRuns = (invocation: Invocation, options: ListRunsOptions): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const found = await runs.list(actor, {
      limit: options.limit,
      ...(options.task === undefined ? {} : { taskId: options.task }),
      ...(options.state === undefined ? {} : { states: options.state }),
      ...(options.trigger === undefined ? {} : { triggers: options.trigger }),
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.to === undefined ? {} : { to: options.to }),
      ...(options.before === undefined ? {} : { before: options.before as RunId }),
    });
    if (options.json === true) {
      printJson(invocation.stdout, { runs: found.map(toRunRecord) });
      return 0;
    }
    printTable(
      invocation.stdout,
      ['run', 'task', 'state', 'trigger', 'scheduled for', 'accepted', 'duration'],
      found.map((run) => [
        run.id,
        run.taskId,
        run.dryRun ? `${run.state} (dry-run)` : run.state,
        run.trigger,
        formatInstant(run.scheduledFor),
        formatInstant(run.acceptedAt),
        run.durationMs === null ? '-' : formatDuration(run.durationMs),
      ]),
    );
    return 0;
  });

const readWholeLog = async (
  { runs, actor }: CommandSession,
  runId: string,
): Promise<readonly RunLogLine[]> => {
  const lines: RunLogLine[] = [];
  for (;;) {
    const page = await runs.readLog(actor, runId, lines.at(-1)?.seq ?? 0);
    if (page.length === 0) return lines;
    lines.push(...page);
  }
};

const printHistory = (invocation: Invocation, events: readonly RunEvent[]): void => {
  printLine(invocation.stdout);
  printTable(
    invocation.stdout,
    ['at', 'state', 'attempt', 'worker', 'detail'],
    events.map((event) => [
      formatInstant(event.at),
      event.state,
      String(event.attempt),
      event.worker ?? '-',
      Object.keys(event.detail).length === 0 ? '' : JSON.stringify(event.detail),
    ]),
  );
};

export const showRun = (
  invocation: Invocation,
  runId: string,
  options: ShowRunOptions,
): Promise<number> =>
  withSession(invocation, async (session) => {
    const { runs, actor } = session;
    if (options.follow === true)
      return endOfRun(invocation, await followRun(invocation, session, runId), options);
    const run = await runs.get(actor, runId);
    const events = await runs.events(actor, runId);
    const log = options.log === true ? await readWholeLog(session, runId) : null;
    if (options.json === true) {
      printJson(invocation.stdout, {
        ...toRunRecord(run),
        events: events.map(toEventRecord),
        ...(log === null ? {} : { log: log.map(toLogRecord) }),
      });
      return 0;
    }
    printRun(invocation.stdout, run);
    printHistory(invocation, events);
    if (log === null) return 0;
    printLine(invocation.stdout);
    printTable(
      invocation.stdout,
      ['at', 'level', 'line'],
      log.map((line) => [formatInstant(line.at), line.level, line.line]),
    );
    return 0;
  });

export const cancelRun = (
  invocation: Invocation,
  runId: string,
  options: { readonly reason: string; readonly json?: boolean },
): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const run = await runs.cancel(actor, runId, options.reason);
    if (options.json === true) printJson(invocation.stdout, toRunRecord(run));
    else if (run.state === 'cancelled') printLine(invocation.stdout, `${run.id} cancelled`);
    else printLine(invocation.stdout, `${run.id} is told to stop (now ${run.state})`);
    return 0;
  });

export const retryRun = (
  invocation: Invocation,
  runId: string,
  options: { readonly wait?: boolean; readonly json?: boolean },
): Promise<number> =>
  withSession(invocation, async (session) => {
    const started = await session.runs.retry(session.actor, runId, 'retry');
    if ((await session.findLiveSystem()) === null)
      printLine(invocation.stderr, 'no worker is running: the run waits for `opsloop start`');
    if (options.wait === true)
      return endOfRun(invocation, await followRun(invocation, session, started.runId), options);
    if (options.json === true) printJson(invocation.stdout, toStartedRecord(started));
    else printLine(invocation.stdout, `${started.runId} ${started.status} (${started.taskId})`);
    return 0;
  });
