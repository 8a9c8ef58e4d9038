import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import type pg from 'pg';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { type Binaries, prepareBinaries } from './binaries.ts';
import { ensureCluster, ensurePassword } from './cluster.ts';
import {
  findPostmaster,
  forgetDeadPostmaster,
  isPostmasterOf,
  lastFatal,
  type Postmaster,
  type SpawnedPostmaster,
  spawnPostmaster,
} from './postmaster.ts';
import { logIn } from './server-connection.ts';
import { clusterOf, passwordFileOf, type ServerHome } from './server-home.ts';
import type { ServerUser } from './server-user.ts';
import { ensureSocketDirectory, removeSocketDirectory } from './socket-directory.ts';

export interface ServerOptions {
  readonly dataDir: string;
  readonly home: ServerHome;
  readonly user: ServerUser | null;
  readonly binaries: Binaries;
  readonly clock: Clock;
  /** Called before something that takes long or is worth a line in the log. */
  readonly onStep: (step: ServerStep) => void;
}

export type ServerStep =
  | { readonly step: 'copied_binaries'; readonly directory: string }
  | { readonly step: 'initialised' }
  | { readonly step: 'started'; readonly pid: number }
  | { readonly step: 'adopted'; readonly pid: number };

export interface RunningServer extends Postmaster {
  readonly password: string;
  /** A connection that stays open, so that its end tells the end of the server. */
  readonly client: pg.Client;
  /** Resolves when `client` has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly wasStarted: boolean;
}

// Crash recovery and the end of orphaned backends are waited for this long.
const READY_WITHIN_MS = 10_000;
const POLL_MS = 20;
const RESPAWN_WAIT_MS = 200;

// These end by themselves: another start of the same cluster, and backends that
// have not noticed yet that their server died.
const PASSING_FAILURE = /already exists|still in use|is starting up|is shutting down/;

export const logFileOf = (home: ServerHome): string => path.join(home.directory, 'postgres.log');

/**
 * Answers a server that accepts logins: one that runs already, or a new one.
 * Called under the start-up lock. Throws `unavailable` when none is ready after
 * 10 s; a server in crash recovery goes on and is found by the next call.
 */
export const ensureServer = async (
  options: ServerOptions,
  rememberedSocketDirectory: string | null,
): Promise<RunningServer> => {
  const { home, clock, user } = options;
  const cluster = clusterOf(home.directory);
  const logFile = logFileOf(home);
  const password = await ensurePassword(passwordFileOf(options.dataDir), home.directory);

  let spawned: SpawnedPostmaster | null = null;
  let binaries: string | null = null;
  let lastCause: unknown;

  const spawnServer = async (): Promise<SpawnedPostmaster> => {
    binaries ??= await prepare(options, password);
    forgetDeadPostmaster(cluster);
    const socketDirectory = await ensureSocketDirectory({
      home: home.directory,
      user,
      remembered: rememberedSocketDirectory,
    });
    return spawnPostmaster({ binaries, cluster, socketDirectory, user, logFile });
  };

  // Making a cluster for the first time is not part of the wait for readiness.
  if (findPostmaster(cluster) === null) binaries = await prepare(options, password);
  const deadline = clock.now().getTime() + READY_WITHIN_MS;
  while (clock.now().getTime() <= deadline) {
    const running = findPostmaster(cluster);
    if (running !== null && running.socketDirectory !== '') {
      const login = await logIn(running, password);
      if (login.outcome === 'connected') {
        const { client, ended } = login;
        const wasStarted = running.pid === spawned?.child.pid;
        options.onStep({ step: wasStarted ? 'started' : 'adopted', pid: running.pid });
        return { ...running, password, client, ended, wasStarted };
      }
      if (login.outcome === 'refused') throw refusedLogin(options.dataDir, login.cause);
      lastCause = login.cause;
    } else if (running === null && (spawned === null || hasEnded(spawned.child))) {
      if (spawned !== null) {
        await throwUnlessPassing(logFile, spawned.logStartsAt);
        await clock.sleep(RESPAWN_WAIT_MS);
      }
      spawned = await spawnServer();
    }
    await clock.sleep(POLL_MS);
  }
  throw new AppError(
    'unavailable',
    `the embedded PostgreSQL in ${home.directory} was not ready within ${READY_WITHIN_MS / 1000} s; ` +
      'it may still be recovering from a crash, so try again',
    { cause: lastCause },
  );
};

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

const prepare = async (options: ServerOptions, password: string): Promise<string> => {
  const { home, user } = options;
  const { directory, isCopy } = await prepareBinaries({
    binaries: options.binaries,
    user,
    copies: path.join(home.directory, 'postgres-binaries'),
  });
  if (isCopy) options.onStep({ step: 'copied_binaries', directory });
  const wasMade = await ensureCluster({
    home: home.directory,
    binaries: directory,
    user,
    password,
  });
  if (wasMade) options.onStep({ step: 'initialised' });
  return directory;
};

const throwUnlessPassing = async (logFile: string, logStartsAt: number): Promise<void> => {
  const reason = (await lastFatal(logFile, logStartsAt)) ?? 'it gave no reason';
  if (!PASSING_FAILURE.test(reason))
    throw new AppError('internal', `the embedded PostgreSQL did not start: ${reason}`);
};

const refusedLogin = (dataDir: string, cause: unknown): AppError =>
  new AppError(
    'invalid_configuration',
    `the embedded PostgreSQL of ${dataDir} refuses the password in ${passwordFileOf(dataDir)}; restore that file`,
    { cause },
  );

const FAST_STOP_MS = 30_000;
const IMMEDIATE_STOP_MS = 10_000;

const signalAndWait = async (options: {
  readonly pid: number;
  readonly cluster: string;
  readonly signal: NodeJS.Signals;
  readonly withinMs: number;
  readonly clock: Clock;
}): Promise<boolean> => {
  const { pid, cluster, clock } = options;
  const isGone = (): boolean => !isPostmasterOf(pid, cluster);
  try {
    process.kill(pid, options.signal);
  } catch (error) {
    if (isGone()) return true;
    throw error;
  }
  const deadline = clock.now().getTime() + options.withinMs;
  while (!isGone()) {
    if (clock.now().getTime() > deadline) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
};

/**
 * Shuts the cluster's server down and waits for its end: fast (open transactions
 * roll back, everything is flushed), after 30 s at once (the next start recovers
 * from the log). A server that is not there is fine.
 */
export const stopServer = async (home: ServerHome, clock: Clock): Promise<void> => {
  const cluster = clusterOf(home.directory);
  const running = findPostmaster(cluster);
  if (running === null) return;
  const { pid } = running;
  const hasStopped =
    (await signalAndWait({ pid, cluster, signal: 'SIGINT', withinMs: FAST_STOP_MS, clock })) ||
    (await signalAndWait({ pid, cluster, signal: 'SIGQUIT', withinMs: IMMEDIATE_STOP_MS, clock }));
  if (!hasStopped)
    throw new AppError('internal', `the embedded PostgreSQL (process ${pid}) does not stop`);
  if (running.socketDirectory !== '')
    await removeSocketDirectory(running.socketDirectory, home.directory);
};
