import { type CommandShell, withExamples, withJson } from '../command-shell.ts';

export const registerTasks = (shell: CommandShell): void => {
  const { program, invocation } = shell;
  const tasks = program.command('tasks').description('the tasks: list, show, pause, resume');

  withExamples(
    withJson(tasks.command('list').description('every task with its next and last run')),
    'opsloop tasks',
  ).action((options: { readonly json?: boolean }) =>
    shell.perform(options, async () => {
      const { listTasks } = await import('../tasks-commands.ts');
      return listTasks(invocation, options);
    }),
  );

  const show = tasks.command('show').description('a task').argument('<task>', 'a task id');
  withExamples(withJson(show), 'opsloop tasks show daily_cost_digest').action(
    (taskId: string, options: { readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { showTask } = await import('../tasks-commands.ts');
        return showTask(invocation, taskId, options);
      }),
  );

  const pause = tasks
    .command('pause')
    .description('hold a task: its occurrences are skipped and starts are refused')
    .argument('<task>', 'a task id')
    .requiredOption('--reason <text>', 'why; shown wherever the task is');
  withExamples(
    withJson(pause),
    'opsloop tasks pause audit_cleanup --reason "audit by hand"',
  ).action((taskId: string, options: { readonly reason: string; readonly json?: boolean }) =>
    shell.perform(options, async () => {
      const { pauseTask } = await import('../tasks-commands.ts');
      return pauseTask(invocation, taskId, options);
    }),
  );

  const resume = tasks
    .command('resume')
    .description('let a paused task run again')
    .argument('<task>', 'a task id');
  withExamples(withJson(resume), 'opsloop tasks resume audit_cleanup').action(
    (taskId: string, options: { readonly json?: boolean }) =>
      shell.perform(options, async () => {
        const { resumeTask } = await import('../tasks-commands.ts');
        return resumeTask(invocation, taskId, options);
      }),
  );
};
