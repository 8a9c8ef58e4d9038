import { Command, CommanderError } from 'commander';
import { packageVersion } from '#core/package-version';
import { createCommandShell, type ExitCodeHolder } from './command-shell.ts';
import { registerAudit } from './commands/audit.ts';
import { registerKeys } from './commands/keys.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerNewJob } from './commands/new-job.ts';
import { registerRegistry } from './commands/registry.ts';
import { registerRun } from './commands/run.ts';
import { registerRuns } from './commands/runs.ts';
import { registerStart } from './commands/start.ts';
import { registerTasks } from './commands/tasks.ts';
import { EXIT_CODE_HELP } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { styled } from './terminal-text.ts';

// `opsloop runs` lists; written out, a misspelt `opsloop runs lst` still gets its suggestion.
const LISTING_GROUPS: ReadonlySet<string> = new Set(['runs', 'tasks']);

const withListAsDefault = (argv: readonly string[]): readonly string[] => {
  const [group, next] = argv;
  const asksForHelp = argv.some((argument) => argument === '--help' || argument === '-h');
  if (group === undefined || !LISTING_GROUPS.has(group) || asksForHelp) return argv;
  return next === undefined || next.startsWith('-') ? [group, 'list', ...argv.slice(1)] : argv;
};

const isHelpOrVersion = (error: CommanderError): boolean =>
  error.code === 'commander.helpDisplayed' || error.code === 'commander.version';

/**
 * Reads the arguments, runs one command and answers the process's exit code.
 * Nothing but the command's own modules is loaded, so that help comes at once.
 */
export const runCommandLine = async (invocation: Invocation): Promise<number> => {
  const { stdout, stderr } = invocation;
  const holder: ExitCodeHolder = { exitCode: 0 };
  const program = new Command('opsloop')
    .description("Runs an organisation's operational loop: tasks, runs, reports, one gateway.")
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error:/, styled(stderr, 'red', 'error:'))),
      getOutHasColors: () => stdout.isTTY === true,
      getErrHasColors: () => stderr.isTTY === true,
      ...(stdout.columns === undefined ? {} : { getOutHelpWidth: () => stdout.columns ?? 80 }),
    })
    .configureHelp({ styleTitle: (title) => styled(stdout, 'bold', title) })
    .showHelpAfterError(
      '(opsloop --help lists the commands, opsloop <command> --help explains one)',
    )
    .exitOverride()
    .addHelpText(
      'after',
      `\n${EXIT_CODE_HELP}\n\nEvery command takes --json. Settings come from the environment; see docs/reference/environment.md.`,
    );
  const shell = createCommandShell(program, invocation, holder);
  for (const register of [
    registerStart,
    registerMigrate,
    registerRegistry,
    registerRun,
    registerRuns,
    registerTasks,
    registerKeys,
    registerAudit,
    registerNewJob,
  ])
    register(shell);

  try {
    await program.parseAsync(withListAsDefault(invocation.argv), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return isHelpOrVersion(error) ? 0 : 2;
  }
  return holder.exitCode;
};
