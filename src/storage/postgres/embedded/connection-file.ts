import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { EMBEDDED_DATABASE, EMBEDDED_ROLE } from './cluster.ts';
import { writePrivateFile } from './private-file.ts';
import { logFileOf, type RunningServer, type ServerOptions } from './server.ts';
import { clusterOf, passwordFileOf } from './server-home.ts';
import { findEmbeddedOwner } from './startup-lock.ts';

const connectionFileOf = (dataDir: string): string => path.join(dataDir, 'connection.json');

/**
 * Says how to connect, for people and tools. This program itself asks the
 * server's own pid file, which cannot be stale, and takes no more from here
 * than the folder of the socket.
 */
export const writeConnectionFile = async (
  server: RunningServer,
  { dataDir, home }: ServerOptions,
): Promise<void> => {
  const content = {
    socket_directory: server.socketDirectory,
    port: server.port,
    user: EMBEDDED_ROLE,
    database: EMBEDDED_DATABASE,
    password_file: passwordFileOf(dataDir),
    data_directory: clusterOf(home.directory),
    log_file: logFileOf(home),
    server_pid: server.pid,
    owner_pid: findEmbeddedOwner(dataDir),
  };
  await writePrivateFile(connectionFileOf(dataDir), `${JSON.stringify(content, null, 2)}\n`);
};

export const removeConnectionFile = (dataDir: string): Promise<void> =>
  rm(connectionFileOf(dataDir), { force: true });

/** The socket's folder of the last server, if the file is there and whole. */
export const rememberedSocketDirectory = async (dataDir: string): Promise<string | null> => {
  try {
    const content: unknown = JSON.parse(await readFile(connectionFileOf(dataDir), 'utf8'));
    const hasFolder =
      content !== null && typeof content === 'object' && 'socket_directory' in content;
    return hasFolder && typeof content.socket_directory === 'string'
      ? content.socket_directory
      : null;
  } catch {
    return null;
  }
};
