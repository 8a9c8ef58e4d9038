import { RUN_STATES, RUN_TRIGGERS } from '#runner/run';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { collectOneOf, parseInstant, parseWhole } from '../option-values.ts';
import type { ListRunsOptions, ShowRunOptions } from '../runs-commands.ts';

export const registerRuns = (shell: CommandShell): void => {
  const { program, invocation } = shell;
  const runs = program.command('runs').description('the run ledger: list, show, cancel, retry');

  const list = runs
    .command('list')
    .description('runs, newest first (also plain `opsloop runs`)')
    .option('--task <task>', 'only runs of this task')
    .option(
      '--state <state>',
      `only in this state: ${RUN_STATES.join(', ')}`,
      collectOneOf(RUN_STATES),
    )
    .option(
      '--trigger <trigger>',
      `only started by: ${RUN_TRIGGERS.join(', ')}`,
      collectOneOf(RUN_TRIGGERS),
    )
    .option('--from <instant>', 'accepted at or after', parseInstant)
    .option('--to <instant>', 'accepted before', parseInstant)
    .option('--limit <n>', 'at most this many, up to 500', parseWhole(1, 500), 20)
    .option('--before <run>', 'the page after this run');
  withExamples(
    withJson(list),
    'opsloop runs',
    'opsloop runs list --task daily_cost_digest --state failed --state timed_out',
    'opsloop runs list --from 2026-11-01 --json',
  ).action((options: ListRunsOptions) =>
    shell.perform(options, async () => {
      const { listRuns } = await import('../runs-commands.ts');
      return listRuns(invocation, options);
    }),
  );

  const show = runs
    .command('show')
    .description('a run with its history')
    .argument('<run>', 'a run id')
    .option('--log', 'with the log')
    .option('--follow', 'follow it until it has ended; the exit code is the run’s');
  withExamples(withJson(show), 'opsloop runs show run_01J… --log').action(
    (runId: string, options: ShowRunOptions) =>
      shell.perform(options, async () => {
        const { showRun } = await import('../runs-commands.ts');
        return showRun(invocation, runId, options);
      }),
  );

  const cancel = runs
    .command('cancel')
    .description('cancel a queued or running run')
    .argument('<run>', 'a run id')
    .option('--reason <text>', 'why; kept in the run’s history', 'cancelled from the command line');
  withExamples(withJson(cancel), 'opsloop runs cancel run_01J… --reason "wrong week"').action(
    (runId: string, options: { readonly reason: string; readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { cancelRun } = await import('../runs-commands.ts');
        return cancelRun(invocation, runId, options);
      }),
  );

  const retry = runs
    .command('retry')
    .description('start a run again with the same inputs and scheduled_for')
    .argument('<run>', 'id of a run that did not succeed')
    .option('--wait', 'follow the new run until it has ended');
  withExamples(withJson(retry), 'opsloop runs retry run_01J… --wait').action(
    (runId: string, options: { readonly wait?: boolean; readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { retryRun } = await import('../runs-commands.ts');
        return retryRun(invocation, runId, options);
      }),
  );
};
