import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { chown, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { systemClock } from '#core/clock';
import { locateBinaries, prepareBinaries } from '#storage/postgres/embedded/binaries';
import { ensureCluster, SERVER_ENVIRONMENT } from '#storage/postgres/embedded/cluster';
import { isPostmasterOf, settingArguments } from '#storage/postgres/embedded/postmaster';
import { findProcess } from '#storage/postgres/embedded/process-identity';
import { clusterOf } from '#storage/postgres/embedded/server-home';
import { chooseServerUser, spawnIds } from '#storage/postgres/embedded/server-user';

/** A PostgreSQL server of its own, on a loopback port that it keeps over restarts. */
export interface DisposablePostgres {
  /** Of a superuser. */
  readonly dsn: string;
  readonly port: number;
  /** Resolves once the server accepts logins; no-op while it runs. */
  start(): Promise<void>;
  /** Fast shutdown. */
  stop(): Promise<void>;
  /** SIGKILL of the server's main process; resolves when its children have ended as well. */
  kill9(): Promise<void>;
  /** SIGSTOP and SIGCONT of the main process and its children: a server that hangs. Thaw before you stop it. */
  freeze(): void;
  thaw(): void;
  /** Stops and removes everything. */
  dispose(): Promise<void>;
}

const PASSWORD = 'only-for-tests';

// The server ends with the process that holds the shell's input open, however
// that one ended, so that no test run leaves a server behind; its folder goes
// with it unless the input said to keep it.
const GUARD = `home=$1; shift
"$@" & server=$!
said=$(cat)
kill -INT "$server" 2> /dev/null
wait "$server"
[ "$said" = keep ] || rm -rf "$home"`;

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

const untilReady = async (dsn: string, guard: ChildProcess, log: () => string): Promise<void> => {
  // Bounded by the guard's life: it ends when the server does.
  for (;;) {
    const client = new pg.Client({ connectionString: dsn });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => {});
      if (guard.exitCode !== null)
        throw new Error(`PostgreSQL did not start: ${log()}`, { cause: error });
      await systemClock.sleep(20);
    }
  }
};

/** Makes a cluster in a folder of its own; `start` is still to be called. */
export const makeDisposablePostgres = async (
  settings: Readonly<Record<string, string>> = {},
): Promise<DisposablePostgres> => {
  const home = mkdtempSync(path.join(tmpdir(), 'opsloop-test-postgres-'));
  chmodSync(home, 0o755);
  const cluster = clusterOf(home);
  const user = await chooseServerUser(cluster);
  const { directory: binaries } = await prepareBinaries({
    binaries: locateBinaries(),
    user,
    copies: path.join(home, 'binaries'),
  });
  await ensureCluster({ home, binaries, user, password: PASSWORD });
  if (user !== null) await chown(home, user.uid, user.gid);

  const port = await freePort();
  const dsn = `postgresql://opsloop:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const args = [
    path.join(binaries, 'bin', 'postgres'),
    '-D',
    cluster,
    ...settingArguments({
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      max_connections: '300',
      shared_buffers: '64MB',
      log_min_messages: 'log',
      timezone: 'UTC',
      ...settings,
    }),
  ];

  let guard: ChildProcess | null = null;
  let pid = 0;
  let log = '';

  const start = async (): Promise<void> => {
    if (guard !== null) return;
    log = '';
    const started = spawn('/bin/sh', ['-c', GUARD, 'sh', home, ...args], {
      ...spawnIds(user),
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000);
    });
    guard = started;
    await untilReady(dsn, started, () => log);
    pid = await serverPid(dsn);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = guard;
    if (ending === null) return;
    guard = null;
    const exited = once(ending, 'exit');
    const family = familyOf(pid);
    if (isPostmasterOf(pid, cluster)) process.kill(pid, signal);
    ending.stdin?.end('keep');
    await exited;
    // Children of a killed server hold its shared memory for a moment, and while
    // they do the next start is refused.
    while (family.some((member) => findProcess(member) !== null)) await systemClock.sleep(5);
  };

  const signalFamily = (signal: NodeJS.Signals): void => {
    for (const member of familyOf(pid)) process.kill(member, signal);
  };

  return {
    dsn,
    port,
    start,
    stop: () => end('SIGINT'),
    kill9: () => end('SIGKILL'),
    freeze: () => signalFamily('SIGSTOP'),
    thaw: () => signalFamily('SIGCONT'),
    async dispose() {
      await end('SIGQUIT');
      await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
};

const familyOf = (pid: number): readonly number[] => {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const children = stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child = 0]) => child);
  return [pid, ...children];
};

// The main process is the parent of the one that serves this connection, which
// only the server's own file names.
const serverPid = async (dsn: string): Promise<number> => {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: string }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
    );
    return Number(rows[0]?.pid);
  } finally {
    await client.end();
  }
};
