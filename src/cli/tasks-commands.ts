import { toTaskRecord } from '#runner/run-record';
import type { TaskStatus } from '#runner/runs';
import type { Invocation } from './invocation.ts';
import { withSession } from './open-session.ts';
import { styledState } from './run-view.ts';
import { formatInstant, plainText, printJson, printLine, printTable } from './terminal-text.ts';

interface Format {
  readonly json?: boolean;
}

const scheduleText = ({ task }: TaskStatus): string => {
  if (task.schedule === null) return 'on request';
  const { cron, timezone } = task.schedule;
  return timezone === 'UTC' ? cron : `${cron} ${timezone}`;
};

const conditionOf = ({ task, pause }: TaskStatus): string => {
  if (!task.enabled) return 'disabled';
  return pause === null ? 'active' : 'paused';
};

export const listTasks = (invocation: Invocation, format: Format): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const tasks = await runs.listTasks(actor);
    if (format.json === true) {
      printJson(invocation.stdout, { tasks: tasks.map(toTaskRecord) });
      return 0;
    }
    printTable(
      invocation.stdout,
      ['task', 'schedule', 'condition', 'next run', 'last run', 'title'],
      tasks.map((status) => [
        status.task.id,
        scheduleText(status),
        conditionOf(status),
        formatInstant(status.nextAt),
        status.lastRun === null
          ? '-'
          : `${status.lastRun.state} ${formatInstant(status.lastRun.scheduledFor)}`,
        status.task.title,
      ]),
    );
    return 0;
  });

const printTask = (invocation: Invocation, status: TaskStatus): void => {
  const { stdout } = invocation;
  const { task, pause, lastRun } = status;
  printLine(stdout, `${task.id}  ${plainText(task.title)}`);
  if (task.description !== '') printLine(stdout, plainText(task.description));
  printLine(stdout, `schedule: ${scheduleText(status)}, next ${formatInstant(status.nextAt)}`);
  printLine(stdout, `reads: ${status.reads}; owner: ${plainText(task.owner)}; job: ${task.job}`);
  if (pause !== null)
    printLine(
      stdout,
      `paused by ${plainText(pause.by)} at ${formatInstant(pause.at)}: ${plainText(pause.reason)}`,
    );
  if (!task.enabled) printLine(stdout, 'disabled in the registry');
  if (task.destructive) printLine(stdout, 'destructive: a start for real wants a dry-run before');
  for (const output of task.outputs) printLine(stdout, `output: ${output}`);
  printLine(stdout, `inputs: ${JSON.stringify(task.inputs)}`);
  if (lastRun !== null)
    printLine(
      stdout,
      `last run: ${styledState(stdout, lastRun.state)} for ${formatInstant(lastRun.scheduledFor)}  ${lastRun.id}`,
    );
};

const answerTask = (invocation: Invocation, status: TaskStatus, format: Format): number => {
  if (format.json === true) printJson(invocation.stdout, toTaskRecord(status));
  else printTask(invocation, status);
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
