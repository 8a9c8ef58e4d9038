import type { StartBackfillOptions } from '../backfill-start.ts';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { collect, parseDayOrInstant } from '../option-values.ts';

interface Format {
  readonly json?: boolean;
}

const RANGE_HELP = `
The range is [from, to): an instant for --to is left out. Dates are days of the
task's zone, and a date alone for --to includes that day. What lies ahead of now
is left out. Runs are made oldest first, one at a time; a report that is there
already is written again, with the same bytes unless its data changed.

With a running system the backfill is recorded and its runs are made there;
--wait follows it and shows what came of it. Without one they are made in this
process, and Ctrl-C cancels what is left.

Exit codes:
  0    recorded; waited for or run here, every run succeeded
  1    a run failed or timed out
  2    wrong arguments or inputs; a task that reads live data, has no schedule
       or is destructive cannot be backfilled
  4    the task is paused or disabled
  130  it was cancelled, or following it was stopped by Ctrl-C`;

const registerStart = ({ perform, invocation }: CommandShell, group: CommandShell['program']) => {
  const start = group
    .command('start')
    .description('run a stretch of a task’s past again (also plain `opsloop backfill <task>`)')
    .argument('<task>', 'id of a task with a schedule that reads history')
    .requiredOption('--from <day>', 'first day, or an instant', parseDayOrInstant)
    .requiredOption(
      '--to <day>',
      'last day, or the instant before which it ends',
      parseDayOrInstant,
    )
    .option('--input <k=v>', "an input, typed by the task's schema; repeat for more", collect)
    .option('--inputs-file <file>', 'inputs as a JSON or YAML object; --input overrides its keys')
    .option('--dry-run', 'list the effects that each run would have, without having them')
    .option('--only-missing', 'leave out occurrences for which a run succeeded')
    .option('--wait', 'follow it until its last run has ended')
    .addHelpText('after', RANGE_HELP);
  withExamples(
    withJson(start),
    'opsloop backfill daily_cost_digest --from 2026-11-02 --to 2026-11-08',
    'opsloop backfill daily_cost_digest --from 2026-11-02 --to 2026-11-08 --dry-run --wait',
    'opsloop backfill daily_cost_digest --from 2026-11-05T09:00:00Z --to 2026-11-05T09:00:01Z',
    'opsloop backfill daily_cost_digest --from 2026-10-01 --to 2026-10-31 --only-missing --json',
  ).action((task: string, options: StartBackfillOptions) =>
    perform(options, async () => {
      const { startBackfill } = await import('../backfill-start.ts');
      return startBackfill(invocation, task, options);
    }),
  );
};

export const registerBackfill = (shell: CommandShell): void => {
  const { program, invocation } = shell;
  const backfill = withExamples(
    program
      .command('backfill')
      .description('run a stretch of a task’s past again: <task>, list, show, cancel')
      .usage('<task> --from <day> --to <day> [options], or a command')
      .addHelpText('after', `\nThe options: opsloop backfill start --help\n${RANGE_HELP}`),
    'opsloop backfill daily_cost_digest --from 2026-11-02 --to 2026-11-08',
    'opsloop backfill list --json',
  );
  registerStart(shell, backfill);

  withExamples(
    withJson(backfill.command('list').description('backfills, newest first')),
    'opsloop backfill list',
  ).action((options: Format) =>
    shell.perform(options, async () => {
      const { listBackfills } = await import('../backfill-commands.ts');
      return listBackfills(invocation, options);
    }),
  );

  const show = backfill
    .command('show')
    .description('a backfill with its runs')
    .argument('<backfill>', 'a backfill id');
  withExamples(withJson(show), 'opsloop backfill show backfill_01J…').action(
    (backfillId: string, options: Format) =>
      shell.perform(options, async () => {
        const { showBackfill } = await import('../backfill-commands.ts');
        return showBackfill(invocation, backfillId, options);
      }),
  );

  const cancel = backfill
    .command('cancel')
    .description('make no further runs; the one under way goes on')
    .argument('<backfill>', 'a backfill id');
  withExamples(withJson(cancel), 'opsloop backfill cancel backfill_01J…').action(
    (backfillId: string, options: Format) =>
      shell.perform(options, async () => {
        const { cancelBackfill } = await import('../backfill-commands.ts');
        return cancelBackfill(invocation, backfillId, options);
      }),
  );
};
