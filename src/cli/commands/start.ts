import { Option } from 'commander';
import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import type { StartOptions } from '../start-command.ts';

export const registerStart = (shell: CommandShell): void => {
  const command = shell.program
    .command('start')
    .description('start the system: gateway, dashboard and workers')
    .addOption(
      new Option('--role <role>', 'which part this process plays')
        .choices(['all', 'gateway', 'worker'])
        .default('all'),
    )
    .addHelpText(
      'after',
      `
SIGINT or SIGTERM takes no further work, lets active runs end within the grace
time, puts the others back and exits with 0; a second one exits at once with 1.

A changed registry file comes into force by itself; SIGHUP reads it at once. A
file with faults is refused and named in the log, and the old one stays.`,
    );
  withExamples(
    withJson(command),
    'opsloop start',
    'GATEWAY_PORT=9000 opsloop start',
    'REDIS_URL=redis://queues:6379 opsloop start --role worker',
  ).action((options: StartOptions) =>
    shell.perform(options, async () => {
      const { startCommand } = await import('../start-command.ts');
      return startCommand(shell.invocation, options);
    }),
  );
};
