import { OCCURRENCE_STATES } from '#runner/occurrence-record';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import type { OccurrencesOptions } from '../occurrences-command.ts';
import { collectOneOf, parseInstant, parseWhole } from '../option-values.ts';

export const registerOccurrences = (shell: CommandShell): void => {
  const command = shell.program
    .command('occurrences')
    .description('every point of the schedules and how it ended, newest first')
    .option('--task <task>', 'only of this task')
    .option('--from <instant>', 'scheduled at or after (default: 24 hours ago)', parseInstant)
    .option('--to <instant>', 'scheduled before', parseInstant)
    .option(
      '--state <state>',
      `only in this state; repeat for more: ${OCCURRENCE_STATES.join(', ')}`,
      collectOneOf(OCCURRENCE_STATES),
    )
    .option('--limit <n>', 'at most this many, up to 5,000', parseWhole(1, 5_000), 200)
    .addHelpText(
      'after',
      `
A date alone stands for its midnight in UTC. The line below the table counts
what is shown by state.

Exit codes: 0 listed; 2 wrong arguments.
What the states mean: docs/runbooks/occurrences-and-alarms.md`,
    );
  withExamples(
    withJson(command),
    'opsloop occurrences',
    'opsloop occurrences --task daily_cost_digest --from 2026-11-01',
    'opsloop occurrences --state missed --state failed --from 2026-11-01 --json',
  ).action((options: OccurrencesOptions) =>
    shell.perform(options, async () => {
      const { listOccurrences } = await import('../occurrences-command.ts');
      return listOccurrences(shell.invocation, options);
    }),
  );
};
