import type { Command } from 'commander';
import type { Invocation } from './invocation.ts';
import { reportError } from './report-error.ts';

/** What a command's file gets to hang its commands on. */
export interface CommandShell {
  readonly program: Command;
  readonly invocation: Invocation;
  /** Runs an action; its exit code, or its error's, becomes the process's. */
  perform(options: { readonly json?: boolean }, action: () => Promise<number>): Promise<void>;
}

export interface ExitCodeHolder {
  exitCode: number;
}

export const createCommandShell = (
  program: Command,
  invocation: Invocation,
  holder: ExitCodeHolder,
): CommandShell => ({
  program,
  invocation,
  async perform(options, action) {
    try {
      holder.exitCode = await action();
    } catch (error) {
      holder.exitCode = reportError(invocation, error, { isJson: options.json === true });
    }
  },
});

/** The option that every command has. */
export const withJson = (command: Command): Command =>
  command.option('--json', 'print the answer as JSON on standard output');

/** Help text that shows how a command is used. */
export const withExamples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
