import type { AlarmsOptions } from '../alarms-command.ts';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';

export const registerAlarms = (shell: CommandShell): void => {
  const command = shell.program
    .command('alarms')
    .description('what is wrong with tasks and schedules now: late, missed, failed, slow, …')
    .option('--all', 'also alarms that have passed, up to 1,000 in all')
    .option('--exit-code', 'end with 1 while an alarm is open, for scripts')
    .addHelpText(
      'after',
      `
late            an occurrence was not started in time
missed          an occurrence was never run and will not be
failed          an occurrence's run failed
slow            a task starts markedly more rarely than its schedule says
crash_loop      a task's runs killed their workers; it is paused
schedule_lost   the queue engine had lost schedules
schedule_drift  somebody changed schedules in the queue engine

Exit codes: 0 listed; 1 with --exit-code, an alarm is open.
What to do about each: docs/runbooks/occurrences-and-alarms.md`,
    );
  withExamples(
    withJson(command),
    'opsloop alarms',
    'opsloop alarms --all --json',
    'opsloop alarms --exit-code > /dev/null || echo "look at Opsloop"',
  ).action((options: AlarmsOptions) =>
    shell.perform(options, async () => {
      const { listAlarms } = await import('../alarms-command.ts');
      return listAlarms(shell.invocation, options);
    }),
  );
};
