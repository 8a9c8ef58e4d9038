import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; rejects with what it printed when it exits with another code than 0. */
export const runCommand = async (
  program: string,
  args: readonly string[],
  directory: string,
): Promise<CommandOutput> => {
  const child = spawn(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (exitCode !== 0)
    throw new Error(`${[program, ...args].join(' ')} exited with ${exitCode}:\n${stdout}${stderr}`);
  return { stdout, stderr };
};
