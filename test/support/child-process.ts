import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { packageRoot } from '#core/package-root';

/** A TypeScript file running in a process of its own. */
export interface ScriptProcess {
  readonly pid: number;
  /** The next line of its output as JSON; rejects with its error output when it ended without one. */
  nextMessage(): Promise<Readonly<Record<string, unknown>>>;
  /** Ends its input and resolves with its exit code. */
  finish(): Promise<number | null>;
  kill9(): Promise<void>;
}

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

/** Starts `file`, a path below the package's root. */
export const startScript = (file: string, args: readonly string[]): ScriptProcess => {
  const runner = path.join(packageRoot(), 'test/support/run-typescript.mjs');
  const child = spawn(process.execPath, [runner, path.join(packageRoot(), file), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exited = once(child, 'exit');
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    async nextMessage() {
      const line = await lines.next();
      if (line.done === true) throw new Error(`${file} ended without a message: ${errors}`);
      return JSON.parse(line.value) as Readonly<Record<string, unknown>>;
    },
    async finish() {
      child.stdin.end();
      if (!hasEnded(child)) await exited;
      return child.exitCode;
    },
    async kill9() {
      child.kill('SIGKILL');
      if (!hasEnded(child)) await exited;
    },
  };
};
