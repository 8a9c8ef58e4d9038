import { type CommandShell, withExamples, withJson } from '../command-shell.ts';

export const registerNewJob = (shell: CommandShell): void => {
  const command = shell.program
    .command('new-job')
    .description('write the first version of a job: its code, its test, its entry of the registry')
    .argument('<name>', 'name of the job, in kebab-case');
  withExamples(withJson(command), 'opsloop new-job queue-age-report').action(
    (name: string, options: { readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { newJobCommand } = await import('../scaffold/new-job-command.ts');
        return newJobCommand(shell.invocation, name, options);
      }),
  );
};
