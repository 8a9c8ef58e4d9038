import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packageRoot } from '#core/package-root';

export interface RedisServerOptions {
  /** Keeps what was written over `stop`, `kill` and `start`. Without it nothing is kept. */
  readonly appendOnly?: boolean;
}

/** Throws with the one line that says how to install a server. */
const redisServerPath = (): string => {
  try {
    return execFileSync(process.execPath, [path.join(packageRoot(), 'scripts/ensure-redis.mjs')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(stderr.split('\n').at(-1) || 'No Redis server was found');
  }
};

// The shell ends when the server does. The server ends with the process that
// holds the shell's input open, however that one ended, so that no test run
// leaves a server behind.
const GUARD = `exec 3<&0
"$@" &
server=$!
echo "server $server"
(read -r _ <&3; kill -KILL "$server") 2> /dev/null &
watcher=$!
wait "$server"
kill "$watcher"`;

const freePort = async (): Promise<number> => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
};

/** A Redis of the tests' own on loopback; the port stays the same over its lives. */
export class RedisServer {
  readonly #executable: string;
  readonly #directory: string;
  readonly #appendOnly: boolean;
  readonly port: number;
  #running: { readonly guard: ChildProcess; readonly pid: number } | undefined;
  #destroyed = false;

  private constructor(executable: string, directory: string, port: number, appendOnly: boolean) {
    this.#executable = executable;
    this.#directory = directory;
    this.port = port;
    this.#appendOnly = appendOnly;
  }

  /** Started and ready. */
  static async create({ appendOnly = false }: RedisServerOptions = {}): Promise<RedisServer> {
    const executable = redisServerPath();
    const directory = await mkdtemp(path.join(tmpdir(), 'opsloop-redis-'));
    // Another process may take the port between our asking and Redis' binding.
    for (let attempt = 1; ; attempt += 1) {
      const server = new RedisServer(executable, directory, await freePort(), appendOnly);
      try {
        await server.start();
        return server;
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** No-op while the server runs. */
  async start(): Promise<void> {
    if (this.#destroyed) throw new Error('The server was destroyed');
    if (this.#running !== undefined) return;
    const guard = spawn(
      '/bin/sh',
      [
        ...['-c', GUARD, 'sh', this.#executable],
        ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#directory],
        // Without an fsync each time, Redis may hold back for 2 s what it confirmed.
        ...['--save', '', '--appendonly', this.#appendOnly ? 'yes' : 'no'],
        ...['--appendfsync', 'always'],
      ],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let output = '';
    const ready = new Promise<number>((resolve, reject) => {
      const read = (chunk: string): void => {
        output = (output + chunk).slice(-20_000);
        if (output.includes('Ready to accept connections'))
          resolve(Number(/^server (\d+)$/m.exec(output)?.[1]));
      };
      guard.stdout.setEncoding('utf8').on('data', read);
      guard.stderr.setEncoding('utf8').on('data', read);
      guard.once('error', reject);
      guard.once('exit', () => {
        guard.stdin.end();
        reject(new Error(`Redis did not start: ${output.trim().split('\n').at(-1) ?? ''}`));
      });
    });
    this.#running = { guard, pid: await ready };
  }

  /** As an operator stops it. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** As a crash ends it. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stops the server and deletes its data. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const exited = once(running.guard, 'exit');
    process.kill(running.pid, signal);
    await exited;
  }
}
