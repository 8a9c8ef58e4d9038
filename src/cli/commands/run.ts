import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import { EXIT_CODE_HELP } from '../exit-codes.ts';
import { collect } from '../option-values.ts';
import type { RunTaskOptions } from '../run-task.ts';

export const registerRun = (shell: CommandShell): void => {
  const command = shell.program
    .command('run')
    .description('run a task now')
    .argument('<task>', 'id of a task of the registry')
    .option('--input <k=v>', "an input, typed by the task's schema; repeat for more", collect)
    .option('--inputs-file <file>', 'inputs as a JSON or YAML object; --input overrides its keys')
    .option('--dry-run', 'list the effects the run would have, without having them')
    .option(
      '--scheduled-for <instant>',
      'the instant the run stands for, e.g. 2026-11-05T09:00:00Z',
    )
    .option('--dry-run-id <run>', 'the dry-run that a destructive task asks for')
    .option('--force', 'start a destructive task without a preceding dry-run')
    .option('--wait', 'follow the run until it has ended; the exit code is the run’s')
    .option('--inline', 'run in this process, even when a system is running')
    .addHelpText(
      'after',
      `
With a running system the run is queued there and its id is printed. Without
one, or when its workers have other settings, it runs in this process, against
the same ledger, and the command waits.

${EXIT_CODE_HELP}`,
    );
  withExamples(
    withJson(command),
    'opsloop run daily_cost_digest',
    'opsloop run daily_cost_digest --input window_hours=48 --dry-run',
    'opsloop run daily_cost_digest --scheduled-for 2026-11-05T09:00:00Z --wait',
    'opsloop run audit_cleanup --inputs-file cleanup.yml --json',
  ).action((task: string, options: RunTaskOptions) =>
    shell.perform(options, async () => {
      const { runTask } = await import('../run-task.ts');
      return runTask(shell.invocation, task, options);
    }),
  );
};
