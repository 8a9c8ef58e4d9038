import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { packageRoot } from '#core/package-root';

const PROGRAM = path.join(packageRoot(), 'bin', 'opsloop.mjs');

/** Only what a test names and what a program needs to run at all. */
const environment = (env: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  ...env,
});

/** A running `opsloop start`. */
export interface SystemProcess {
  readonly pid: number;
  readonly gatewayUrl: string;
  readonly keyFile: string | null;
  readonly readyMs: number;
  /** What it wrote to standard error so far. */
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves when the process has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

const untilEnded = (child: ChildProcess): SystemProcess['ended'] =>
  once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));

/** Starts `opsloop start` in `cwd` and waits until it says that it is ready. */
export const startSystemProcess = async (options: {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly role?: 'all' | 'gateway' | 'worker';
}): Promise<SystemProcess> => {
  const child = spawn(
    process.execPath,
    [PROGRAM, 'start', '--role', options.role ?? 'all', '--json'],
    { cwd: options.cwd, env: environment(options.env), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = untilEnded(child);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  let output = '';
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      let parsed: Record<string, unknown>;
      try {
        parsed = JSON.parse(output) as Record<string, unknown>;
      } catch {
        // Not whole yet.
        return;
      }
      if (parsed['ready'] === true) resolve(parsed);
      else reject(new Error(`opsloop start answered ${output}\n${errors}`));
    });
    void ended.then(({ code }) => {
      reject(new Error(`opsloop start ended with ${code} before it was ready:\n${errors}`));
    });
  });
  const { gateway_url: gatewayUrl, key_file: keyFile, ready_ms: readyMs } = await ready;
  return {
    pid: child.pid ?? 0,
    gatewayUrl: String(gatewayUrl),
    keyFile: typeof keyFile === 'string' ? keyFile : null,
    readyMs: Number(readyMs),
    log: () => errors,
    signal: (name) => void child.kill(name),
    ended,
  };
};

/** Runs a command of the CLI to its end. */
export const runCommand = async (
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    /** Sends SIGTERM when it aborts. */
    readonly stop?: AbortSignal;
  },
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> => {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: options.cwd,
    env: environment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.stop?.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const { code } = await untilEnded(child);
  return { code, stdout, stderr };
};
