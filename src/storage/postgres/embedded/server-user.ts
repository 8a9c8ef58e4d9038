import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { AppError } from '#core/errors';

/** The account that the server runs as when this process is root, which PostgreSQL refuses to be. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const readId = (flag: '-u' | '-g', name: string): number | null => {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : null;
};

const findUser = (name: string): ServerUser | null => {
  const uid = readId('-u', name);
  const gid = readId('-g', name);
  return uid === null || gid === null || uid === 0 ? null : { name, uid, gid };
};

const ownerOf = async (directory: string): Promise<ServerUser | null> => {
  const found = await stat(directory).catch(() => null);
  if (found === null || found.uid === 0) return null;
  return { name: `uid ${found.uid}`, uid: found.uid, gid: found.gid };
};

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Null when this process may run the server itself. As root: the owner of an
 * existing cluster, else the first of `postgres` and `nobody` that the system
 * has; no account is ever made.
 */
export const chooseServerUser = async (clusterDirectory: string): Promise<ServerUser | null> => {
  if (!isRoot()) return null;
  const user = (await ownerOf(clusterDirectory)) ?? findUser('postgres') ?? findUser('nobody');
  if (user === null)
    throw new AppError(
      'invalid_configuration',
      'the embedded PostgreSQL cannot run as root, and there is neither a user "postgres" nor "nobody" to run it; ' +
        'start as another user or set DATABASE_URL',
    );
  return user;
};

export const spawnIds = (user: ServerUser | null): { uid?: number; gid?: number } =>
  user === null ? {} : { uid: user.uid, gid: user.gid };

/** Asks the system itself: runs `test <flag> <file>` for each file as that user. */
export const canAccess = (
  user: ServerUser | null,
  flag: '-x' | '-r' | '-w',
  files: readonly string[],
): boolean => {
  const script = `for file; do test ${flag} "$file" || exit 1; done`;
  const { status } = spawnSync('/bin/sh', ['-c', script, 'sh', ...files], {
    ...spawnIds(user),
    // The current directory may be one that the user cannot enter.
    cwd: '/',
    stdio: 'ignore',
  });
  return status === 0;
};
