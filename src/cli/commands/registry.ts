import { type CommandShell, withExamples, withJson } from '../command-shell.ts';
import type { PlanOptions } from '../registry-plan-commands.ts';
import type { CronOptions } from '../registry-text-commands.ts';

interface Format {
  readonly json?: boolean;
}

const registerPlan = (shell: CommandShell, registry: CommandShell['program']): void => {
  const plan = registry
    .command('plan')
    .description('what differs between the registry file and what is in force; changes nothing')
    .option('--all', 'also the tasks that do not differ, with their next five instants')
    .addHelpText(
      'after',
      `
+ added    new in the file
~ changed  declared otherwise than in force, field by field
- ghost    in force or in the queue engine, but not in the file
! drifted  somebody changed or deleted its scheduler behind the registry's back

Each comes with its queue, its next five instants in the zone of its schedule
and in UTC, what a change of the clocks does to it within 400 days, and the
occurrences that are due and have no run.

Exit codes: 0 nothing differs; 2 something does, or the file is not valid.`,
    );
  withExamples(
    withJson(plan),
    'opsloop registry plan',
    'opsloop registry plan --all',
    'OPSLOOP_REGISTRY=proposal/task_registry.yml opsloop registry plan --json',
  ).action((options: PlanOptions) =>
    shell.perform(options, async () => {
      const { planRegistry } = await import('../registry-plan-commands.ts');
      return planRegistry(shell.invocation, options);
    }),
  );

  const apply = registry
    .command('apply')
    .description('put the registry file in force; a running system goes on by it at once')
    .addHelpText(
      'after',
      `
\`opsloop start\` applies as well. A running system whose own file is another one
supervises by what is in force, but knows the jobs of its file alone.

Exit codes: 0 it is in force; 2 the file is not valid; 4 a scheduler's job is
running at this moment: try again.`,
    );
  withExamples(withJson(apply), 'opsloop registry apply', 'opsloop registry apply --json').action(
    (options: Format) =>
      shell.perform(options, async () => {
        const { applyRegistry } = await import('../registry-plan-commands.ts');
        return applyRegistry(shell.invocation, options);
      }),
  );
};

const registerCron = (shell: CommandShell, registry: CommandShell['program']): void => {
  const cron = registry
    .command('cron')
    .description('the registry as a crontab, for hosts without the daemon')
    .option('--check <file>', 'compare a deployed crontab with it instead of printing it')
    .option('--command <command>', 'what runs opsloop on that host', 'opsloop')
    .addHelpText(
      'after',
      '\nExit codes: 0 printed, or in sync; 2 differences, each listed with its line.',
    );
  withExamples(
    withJson(cron),
    'opsloop registry cron > opsloop.crontab',
    'opsloop registry cron --command "cd /srv/opsloop && npx opsloop"',
    'crontab -l | opsloop registry cron --check /dev/stdin',
  ).action((options: CronOptions) =>
    shell.perform(options, async () => {
      const { cronOfRegistry } = await import('../registry-text-commands.ts');
      return cronOfRegistry(shell.invocation, options);
    }),
  );
};

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

  withExamples(
    withJson(registry.command('docs').description('the reference of the tasks, as Markdown')),
    'opsloop registry docs > tasks.md',
  ).action((options: Format) =>
    shell.perform(options, async () => {
      const { printTaskReference } = await import('../registry-text-commands.ts');
      return printTaskReference(invocation, options);
    }),
  );

  registerPlan(shell, registry);
  registerCron(shell, registry);
};
