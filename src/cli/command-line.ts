import { Command, CommanderError } from 'commander';
import { packageVersion } from '#core/package-version';
import { createCommandShell, type ExitCodeHolder } from './command-shell.ts';
import { registerAlarms } from './commands/alarms.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBackfill } from './commands/backfill.ts';
import { registerKeys } from './commands/keys.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerNewJob } from './commands/new-job.ts';
import { registerOccurrences } from './commands/occurrences.ts';
import { registerRegistry } from './commands/registry.ts';
import { registerRun } from './commands/run.ts';
import { registerRuns } from './commands/runs.ts';
import { registerStart } from './commands/start.ts';
import { registerTasks } from './commands/tasks.ts';
import { EXIT_CODE_HELP } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { styled } from './terminal-text.ts';

/** What a group of commands does when its argument names none of them. */
interface DefaultCommand {
  readonly name: string;
  /** Whether a word may be its argument, and not a command that was misspelt. */
  readonly takesWords: boolean;
}

// Written out, a misspelt `opsloop runs lst` still gets its suggestion.
const DEFAULT_COMMANDS: ReadonlyMap<string, DefaultCommand> = new Map([
  ['runs', { name: 'list', takesWords: false }],
  ['tasks', { name: 'list', takesWords: false }],
  ['backfill', { name: 'start', takesWords: true }],
]);

const BACKFILL_COMMANDS: ReadonlySet<string> = new Set(['start', 'list', 'show', 'cancel', 'help']);

const asksForHelp = (argv: readonly string[]): boolean =>
  argv.some((argument) => argument === '--help' || argument === '-h');

/** `opsloop runs` lists, `opsloop backfill daily_cost_digest …` starts one. */
const withDefaultCommand = (argv: readonly string[]): readonly string[] => {
  const [group = '', next] = argv;
  const otherwise = DEFAULT_COMMANDS.get(group);
  if (otherwise === undefined) return argv;
  const isWord = next !== undefined && !next.startsWith('-');
  const isMeant = otherwise.takesWords
    ? next !== undefined && !BACKFILL_COMMANDS.has(next) && (isWord || !asksForHelp(argv))
    : !isWord && !asksForHelp(argv);
  return isMeant ? [group, otherwise.name, ...argv.slice(1)] : argv;
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
    registerBackfill,
    registerTasks,
    registerOccurrences,
    registerAlarms,
    registerKeys,
    registerAudit,
    registerNewJob,
  ])
    register(shell);

  try {
    await program.parseAsync(withDefaultCommand(invocation.argv), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return isHelpOrVersion(error) ? 0 : 2;
  }
  return holder.exitCode;
};
