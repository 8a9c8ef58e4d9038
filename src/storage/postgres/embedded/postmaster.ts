import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { SERVER_ENVIRONMENT } from './cluster.ts';
import { hasArgument } from './process-identity.ts';
import { type ServerUser, spawnIds } from './server-user.ts';

/** A running server as its own `postmaster.pid` tells. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly socketDirectory: string;
}

const pidFileOf = (cluster: string): string => path.join(cluster, 'postmaster.pid');

const readPidFile = (cluster: string): readonly string[] => {
  try {
    return readFileSync(pidFileOf(cluster), 'utf8').split('\n');
  } catch {
    return [];
  }
};

/** Whether the process is the server of this cluster; its arguments prove it. */
export const isPostmasterOf = (pid: number, cluster: string): boolean => hasArgument(pid, cluster);

/** The living server of the cluster, also while it starts or stops; null without one. */
export const findPostmaster = (cluster: string): Postmaster | null => {
  const [pid = '', , , port = '', socketDirectory = ''] = readPidFile(cluster);
  if (!/^\d+$/.test(pid) || !isPostmasterOf(Number(pid), cluster)) return null;
  return { pid: Number(pid), port: Number(port), socketDirectory };
};

// Greater than any number that Linux or macOS gives to a process.
const NO_PROCESS = 2_147_483_646;

/**
 * The server refuses to start while the process of its last run seems to live,
 * even when a stranger has that number now. The number is replaced and the file
 * kept: its shared-memory key still stops a start beside orphaned backends.
 */
export const forgetDeadPostmaster = (cluster: string): void => {
  const [pid, ...rest] = readPidFile(cluster);
  if (pid !== undefined && rest.length > 0 && findPostmaster(cluster) === null)
    writeFileSync(pidFileOf(cluster), [NO_PROCESS, ...rest].join('\n'));
};

const LOG_LIMIT_BYTES = 5 * 1024 * 1024;

const openLog = async (file: string): Promise<Awaited<ReturnType<typeof open>>> => {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  return open(file, 'a', 0o600);
};

// Modest, for one host beside the application. Statements are never logged:
// they may hold what must not be in a log.
const SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '200',
  shared_buffers: '64MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  log_statement: 'none',
  jit: 'off',
};

export const settingArguments = (settings: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

export interface SpawnedPostmaster {
  readonly child: ChildProcess;
  /** Where this server's messages begin in the log, in bytes. */
  readonly logStartsAt: number;
}

/**
 * Spawns the server detached: it outlives this process, and a Ctrl-C at the
 * terminal does not reach it. Its messages go to a file, because a pipe to a
 * process that died would kill it at its next message.
 */
export const spawnPostmaster = async (options: {
  readonly binaries: string;
  readonly cluster: string;
  readonly socketDirectory: string;
  readonly user: ServerUser | null;
  readonly logFile: string;
}): Promise<SpawnedPostmaster> => {
  const log = await openLog(options.logFile);
  try {
    const { size: logStartsAt } = await log.stat();
    const child = spawn(
      path.join(options.binaries, 'bin', 'postgres'),
      [
        '-D',
        options.cluster,
        ...settingArguments({
          ...SETTINGS,
          listen_addresses: '',
          port: '5432',
          unix_socket_directories: options.socketDirectory,
          unix_socket_permissions: '0700',
        }),
      ],
      {
        ...spawnIds(options.user),
        cwd: '/',
        env: SERVER_ENVIRONMENT,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      },
    );
    await once(child, 'spawn');
    child.unref();
    return { child, logStartsAt };
  } finally {
    await log.close();
  }
};

/** The last fatal line of the log from a byte on, without its prefix; null without one. */
export const lastFatal = async (logFile: string, startsAt: number): Promise<string | null> => {
  const content = await readFile(logFile).catch(() => Buffer.alloc(0));
  const lines = content.subarray(startsAt).toString('utf8').split('\n');
  const line = lines.findLast((each) => each.includes('FATAL:'));
  return line?.slice(line.indexOf('FATAL:') + 'FATAL:'.length).trim() ?? null;
};
