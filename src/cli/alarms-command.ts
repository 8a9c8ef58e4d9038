import { toAlarmRecord } from '#runner/alarm-record';
import type { TaskAlarm } from '#runner/ledger/task-alarms';
import type { Invocation, TextStream } from './invocation.ts';
import { withSession } from './open-session.ts';
import { formatInstant, printJson, printLine, printTable } from './terminal-text.ts';

export interface AlarmsOptions {
  readonly all?: boolean;
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

/** Alarms as a table; the column of what has passed is there when something has. */
export const printAlarms = (stream: TextStream, alarms: readonly TaskAlarm[]): void => {
  const hasCleared = alarms.some(({ clearedAt }) => clearedAt !== null);
  printTable(
    stream,
    ['alarm', 'task', 'since', 'last', 'times', ...(hasCleared ? ['cleared'] : []), 'message'],
    alarms.map((alarm) => [
      alarm.kind,
      alarm.taskId ?? 'all schedules',
      formatInstant(alarm.raisedAt),
      formatInstant(alarm.lastAt),
      String(alarm.count),
      ...(hasCleared ? [formatInstant(alarm.clearedAt)] : []),
      alarm.message,
    ]),
    (row, column) => {
      if (column !== 0) return null;
      return alarms[row]?.clearedAt === null ? 'red' : 'green';
    },
  );
};

/** Open alarms; 0, or with `--exit-code` 1 while one is open. */
export const listAlarms = (invocation: Invocation, options: AlarmsOptions): Promise<number> =>
  withSession(invocation, async ({ runs, actor }) => {
    const alarms = await runs.listAlarms(actor, { includeCleared: options.all === true });
    const open = alarms.filter(({ clearedAt }) => clearedAt === null).length;
    if (options.json === true)
      printJson(invocation.stdout, { open, alarms: alarms.map(toAlarmRecord) });
    else if (alarms.length === 0) printLine(invocation.stdout, 'no alarm is open');
    else printAlarms(invocation.stdout, alarms);
    return options.exitCode === true && open > 0 ? 1 : 0;
  });
