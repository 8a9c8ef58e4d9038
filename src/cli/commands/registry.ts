import { type CommandShell, withExamples, withJson } from '../command-shell.ts';

interface Format {
  readonly json?: boolean;
}

export const registerRegistry = (shell: CommandShell): void => {
  const { program, invocation } = shell;
  const registry = program.command('registry').description('the registry of tasks');

  const validate = registry
    .command('validate')
    .description('check the registry against its schema and against the jobs')
    .argument('[file]', 'another file than the configured one');
  withExamples(
    withJson(validate),
    'opsloop registry validate',
    'opsloop registry validate proposal/task_registry.yml',
  ).action((file: string | undefined, options: Format) =>
    shell.perform(options, async () => {
      const { validateRegistry } = await import('../registry-commands.ts');
      return validateRegistry(invocation, file, options);
    }),
  );

  withExamples(
    withJson(registry.command('schema').description('the JSON Schema of the registry')),
    'opsloop registry schema > registry.schema.json',
  ).action((options: Format) =>
    shell.perform(options, async () => {
      const { printRegistrySchema } = await import('../registry-commands.ts');
      return printRegistrySchema(invocation);
    }),
  );

  const show = registry
    .command('show')
    .description('the tasks as they are read, with the defaults applied')
    .argument('[task]', 'only this task');
  withExamples(withJson(show), 'opsloop registry show daily_cost_digest').action(
    (task: string | undefined, options: Format) =>
      shell.perform(options, async () => {
        const { showRegistry } = await import('../registry-commands.ts');
        return showRegistry(invocation, task, options);
      }),
  );
};
