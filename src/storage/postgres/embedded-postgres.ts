import { chmod, mkdir, realpath } from 'node:fs/promises';
import { type Clock, systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { type Attachment, attach, countAttached } from './embedded/attachments.ts';
import { locateBinaries } from './embedded/binaries.ts';
import {
  rememberedSocketDirectory,
  removeConnectionFile,
  writeConnectionFile,
} from './embedded/connection-file.ts';
import type { ProcessLock } from './embedded/process-lock.ts';
import {
  ensureServer,
  type RunningServer,
  type ServerOptions,
  type ServerStep,
  stopServer,
} from './embedded/server.ts';
import { dsnOf } from './embedded/server-connection.ts';
import { clusterOf, readLocation, resolveServerHome } from './embedded/server-home.ts';
import { chooseServerUser, isRoot } from './embedded/server-user.ts';
import { watchServer } from './embedded/server-watch.ts';
import { takeOwnership, underStartupLock } from './embedded/startup-lock.ts';

export { findEmbeddedOwner } from './embedded/startup-lock.ts';

/** What is logged about the server; pino fits. */
export interface EmbeddedPostgresLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  /** `own`: the one long-lived process of the directory. `attach-or-own`: a command beside or without it. */
  readonly mode: 'own' | 'attach-or-own';
  readonly clock?: Clock;
  readonly logger?: EmbeddedPostgresLogger;
  /** Folder with `bin/`, `lib/`, `share/`; default is the npm package's. */
  readonly binariesDir?: string;
  /** Below which folders data goes when the server's user cannot reach `dataDir`; default /var/lib/opsloop, then others. */
  readonly homeParents?: readonly string[];
}

export interface EmbeddedPostgres {
  /** Holds the password: never log it. Stays the same for the life of this object. */
  readonly dsn: string;
  /** `owner` when this process owns the directory or started the server. */
  readonly role: 'owner' | 'attached';
  /** Leaves; the last one out shuts the server down and waits for it. Idempotent. */
  stop(): Promise<void>;
}

const clientsOf = (dataDir: string): string => `${dataDir}/clients`;

const prepareDataDir = async (dataDir: string): Promise<string> => {
  // As root the server's user has to pass through; the files within stay private.
  const mode = isRoot() ? 0o755 : 0o700;
  const made = await mkdir(dataDir, { recursive: true, mode });
  if (made !== undefined) await chmod(dataDir, mode);
  return realpath(dataDir);
};

const prepareServer = async (
  dataDir: string,
  options: EmbeddedPostgresOptions,
): Promise<ServerOptions> => {
  const { binariesDir, homeParents, logger, clock = systemClock } = options;
  const user = await chooseServerUser(clusterOf((await readLocation(dataDir)) ?? dataDir));
  const home = await resolveServerHome({
    dataDir,
    user,
    ...(homeParents === undefined ? {} : { parents: homeParents }),
  });
  if (home.isElsewhere)
    logger?.info(
      { directory: home.directory },
      `embedded PostgreSQL keeps its data in ${home.directory}, because its user cannot reach ${dataDir}`,
    );
  for (const directory of home.abandoned) {
    // Its data directory is gone, so nobody else can reach or stop it.
    await stopServer({ directory, isElsewhere: true, abandoned: [] }, clock);
    logger?.warn(
      { directory },
      `${directory} holds the database of a data directory that stood at ${dataDir} before; delete it when nobody needs it`,
    );
  }
  return {
    dataDir,
    home,
    user,
    binaries:
      binariesDir === undefined ? locateBinaries() : { directory: binariesDir, version: 'given' },
    clock,
    onStep: (step) => logger?.info(step, describe(step)),
  };
};

const describe = (step: ServerStep): string => {
  switch (step.step) {
    case 'copied_binaries':
      return `embedded PostgreSQL runs from a copy of its binaries in ${step.directory}`;
    case 'initialised':
      return 'embedded PostgreSQL initialised';
    case 'started':
      return 'embedded PostgreSQL started';
    case 'adopted':
      return 'embedded PostgreSQL found running';
  }
};

const NOT_PERMITTED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']);

const translateFileError = (error: unknown, dataDir: string): unknown =>
  error instanceof Error && 'code' in error && NOT_PERMITTED.has(error.code)
    ? new AppError(
        'invalid_configuration',
        `OPSLOOP_DATA_DIR: ${dataDir} must be a directory that this user can write to (${String(error.code)})`,
        { cause: error },
      )
    : error;

/**
 * Makes sure that the PostgreSQL server of a data directory runs, and joins it.
 *
 * The server is a process of its own: it outlives a killed owner and is taken
 * over by the next start. While this object lives, a server that died is
 * started again at the same address. Throws `in_use` when `own` is asked and
 * another living process owns the directory, `unavailable` when the server is
 * not ready within 10 s, `invalid_configuration` when it cannot run here.
 */
export const startOrAttachEmbeddedPostgres = async (
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> => {
  let ownership: ProcessLock | undefined;
  try {
    const dataDir = await prepareDataDir(options.dataDir);
    if (options.mode === 'own') ownership = takeOwnership(dataDir);
    return await join(dataDir, options, ownership);
  } catch (error) {
    ownership?.release();
    throw translateFileError(error, options.dataDir);
  }
};

const join = async (
  dataDir: string,
  options: EmbeddedPostgresOptions,
  ownership: ProcessLock | undefined,
): Promise<EmbeddedPostgres> => {
  const { logger, clock = systemClock } = options;

  const ensure = async (
    serverOptions: ServerOptions,
    socketDirectory: string | null,
  ): Promise<RunningServer> => {
    const server = await ensureServer(serverOptions, socketDirectory);
    await writeConnectionFile(server, serverOptions);
    return server;
  };

  const { attachment, server, serverOptions } = await underStartupLock(dataDir, clock, async () => {
    const serverOptions = await prepareServer(dataDir, options);
    const attachment: Attachment = await attach(clientsOf(dataDir));
    try {
      const server = await ensure(serverOptions, await rememberedSocketDirectory(dataDir));
      return { attachment, server, serverOptions };
    } catch (error) {
      await attachment.leave();
      throw error;
    }
  });

  const watch = watchServer({
    server,
    revive: () =>
      underStartupLock(dataDir, clock, () => ensure(serverOptions, server.socketDirectory)),
    onGone: () => logger?.warn({}, 'embedded PostgreSQL went away; starting it again'),
    onFailure: (error) =>
      logger?.warn({ err: error }, 'embedded PostgreSQL could not be started again yet'),
    clock,
  });

  const stop = async (): Promise<void> => {
    await watch.stop();
    try {
      await underStartupLock(dataDir, clock, async () => {
        await attachment.leave();
        if ((await countAttached(clientsOf(dataDir))) > 0) return;
        await stopServer(serverOptions.home, clock);
        await removeConnectionFile(dataDir);
        logger?.info({}, 'embedded PostgreSQL stopped');
      });
    } finally {
      ownership?.release();
    }
  };

  let stopped: Promise<void> | undefined;
  return {
    dsn: dsnOf(server, server.password),
    role: ownership !== undefined || server.wasStarted ? 'owner' : 'attached',
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
};
