import { groupBy } from '#core/group-by';
import type { AlarmKind } from '#runner/ledger/task-alarms';
import type { TaskDetail, TaskStatus } from '#runner/runs';
import { toTaskDetailRecord, toTaskListRecord } from '#runner/task-record';
import { printAlarms } from './alarms-command.ts';
import type { Invocation, TextStream } from './invocation.ts';
import { withSession } from './open-session.ts';
import { styledState } from './run-view.ts';
import {
  formatDuration,
  formatInstant,
  plainText,
  printJson,
  printLine,
  printTable,
} from './terminal-text.ts';

interface Format {
  readonly json?: boolean;
}

const scheduleText = ({ task }: TaskStatus): string => {
  if (task.schedule === null) return task.after.length === 0 ? 'on request' : 'after others';
  const { cron, timezone } = task.schedule;
  return timezone === 'UTC' ? cron : `${cron} ${timezone}`;
};

/** What keeps a task from running as declared, or what went wrong with it lately. */
const conditionOf = ({ task, pause }: TaskStatus, alarms: readonly AlarmKind[]): string => {
  const conditions = [
    ...(task.enabled ? [] : ['disabled']),
    ...(pause === null ? [] : ['paused']),
    ...alarms,
  ];
  return conditions.length === 0 ? 'active' : conditions.join(', ');
};

export const listTasks = (invocation: Invocation, format: Format): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const [tasks, alarms] = await Promise.all([
      runs.listTasks(actor),
      runs.listAlarms(actor, { includeCleared: false }),
    ]);
    if (format.json === true) {
      printJson(invocation.stdout, toTaskListRecord(tasks, alarms));
      return 0;
    }
    const ofTask = groupBy(alarms, ({ taskId }) => taskId);
    const conditions = tasks.map((status) =>
      conditionOf(
        status,
        (ofTask.get(status.task.id) ?? []).map(({ kind }) => kind),
      ),
    );
    printTable(
      invocation.stdout,
      ['task', 'schedule', 'condition', 'next run', 'last run', 'title'],
      tasks.map((status, row) => [
        status.task.id,
        scheduleText(status),
        conditions[row] ?? '',
        formatInstant(status.nextAt),
        status.lastRun === null
          ? '-'
          : `${status.lastRun.state} ${formatInstant(status.lastRun.scheduledFor)}`,
        status.task.title,
      ]),
      (row, column) => (column === 2 && conditions[row] !== 'active' ? 'yellow' : null),
    );
    return 0;
  });

const printCadence = (stream: TextStream, { cadence }: TaskDetail): void => {
  if (cadence === null) return;
  const { starts, configuredMs, observedMs, waitMs, runMs } = cadence;
  const spread = ({ p50, p95 }: { readonly p50: number; readonly p95: number }): string =>
    `p50 ${formatDuration(p50)}, p95 ${formatDuration(p95)}`;
  printLine(
    stream,
    `cadence: every ${formatDuration(observedMs)}, configured every ${formatDuration(configuredMs)} (last ${starts} starts)`,
  );
  printLine(stream, `  waits ${spread(waitMs)}; runs ${spread(runMs)}`);
};

const printTask = (invocation: Invocation, detail: TaskDetail): void => {
  const { stdout } = invocation;
  const { task, pause, lastRun, alarms } = detail;
  printLine(stdout, `${task.id}  ${plainText(task.title)}`);
  if (task.description !== '') printLine(stdout, plainText(task.description));
  printLine(stdout, `schedule: ${scheduleText(detail)}, next ${formatInstant(detail.nextAt)}`);
  if (task.after.length > 0) printLine(stdout, `after: ${task.after.join(', ')}`);
  if (task.blackouts.length > 0) printLine(stdout, `blackouts: ${task.blackouts.join(', ')}`);
  printLine(stdout, `reads: ${detail.reads}; owner: ${plainText(task.owner)}; job: ${task.job}`);
  if (pause !== null)
    printLine(
      stdout,
      `paused by ${plainText(pause.by)} at ${formatInstant(pause.at)}: ${plainText(pause.reason)}`,
    );
  if (!task.enabled) printLine(stdout, 'disabled in the registry');
  if (task.destructive) printLine(stdout, 'destructive: a start for real wants a dry-run before');
  for (const output of task.outputs) printLine(stdout, `output: ${output}`);
  printLine(stdout, `inputs: ${JSON.stringify(task.inputs)}`);
  printCadence(stdout, detail);
  if (lastRun !== null)
    printLine(
      stdout,
      `last run: ${styledState(stdout, lastRun.state)} for ${formatInstant(lastRun.scheduledFor)}  ${lastRun.id}`,
    );
  if (alarms.length > 0) {
    printLine(stdout);
    printAlarms(stdout, alarms);
  }
};

const answerTask = (invocation: Invocation, detail: TaskDetail, format: Format): number => {
  if (format.json === true) printJson(invocation.stdout, toTaskDetailRecord(detail));
  else printTask(invocation, detail);
  return 0;
};

export const showTask = (invocation: Invocation, taskId: string, format: Format): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) =>
    answerTask(invocation, await runs.getTask(actor, taskId), format),
  );

export const pauseTask = (
  invocation: Invocation,
  taskId: string,
  options: Format & { readonly reason: string },
): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) =>
    answerTask(invocation, await runs.pauseTask(actor, taskId, options.reason), options),
  );

export const resumeTask = (
  invocation: Invocation,
  taskId: string,
  format: Format,
): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) =>
    answerTask(invocation, await runs.resumeTask(actor, taskId), format),
  );
