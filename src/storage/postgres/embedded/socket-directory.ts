import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppError } from '#core/errors';
import { canAccess, type ServerUser } from './server-user.ts';

// The address of a Unix socket is at most 103 bytes on macOS and 107 on Linux.
const LONGEST_ADDRESS_BYTES = 103;

const fits = (directory: string): boolean =>
  Buffer.byteLength(path.join(directory, '.s.PGSQL.5432')) <= LONGEST_ADDRESS_BYTES;

// unix_socket_directories is a list with commas; such a path would need quoting.
const isPlain = (directory: string): boolean => !/[,"\s]/.test(directory);

const isPrivate = async (directory: string, user: ServerUser | null): Promise<boolean> => {
  const found = await lstat(directory).catch(() => null);
  const owner = user?.uid ?? process.getuid?.();
  return found?.isDirectory() === true && found.uid === owner && (found.mode & 0o077) === 0;
};

const makePrivate = async (directory: string, user: ServerUser | null): Promise<void> => {
  await mkdir(directory, { mode: 0o700 });
  await chmod(directory, 0o700);
  if (user !== null) await chown(directory, user.uid, user.gid);
};

/**
 * A folder for the server's Unix socket that only the server's user can enter.
 * A socket instead of a loopback port: no other user can connect, no other
 * server can answer at its address, and the address is the same after each
 * restart. It stands beside the cluster, or, where that path is too long for a
 * socket, in a temporary folder with a random name; then `remembered` is taken
 * again while it is still there and ours.
 */
export const ensureSocketDirectory = async (options: {
  readonly home: string;
  readonly user: ServerUser | null;
  readonly remembered: string | null;
}): Promise<string> => {
  const { home, user, remembered } = options;
  const beside = path.join(home, 'postgres-socket');
  if (fits(beside) && isPlain(beside)) {
    if (await isPrivate(beside, user)) return beside;
    await rm(beside, { recursive: true, force: true });
    await makePrivate(beside, user);
    return beside;
  }
  if (remembered !== null && fits(remembered) && (await isPrivate(remembered, user)))
    return remembered;
  for (const parent of [tmpdir(), '/tmp']) {
    const directory = path.join(parent, `opsloop-${randomBytes(8).toString('hex')}`);
    if (!fits(directory) || !isPlain(directory) || !canAccess(user, '-x', [parent])) continue;
    await makePrivate(directory, user);
    return directory;
  }
  throw new AppError(
    'invalid_configuration',
    'no folder is short enough for the Unix socket of the embedded PostgreSQL; set TMPDIR to a short path',
  );
};

/** Removes a folder that `ensureSocketDirectory` made outside of `home`. */
export const removeSocketDirectory = async (directory: string, home: string): Promise<void> => {
  if (
    !directory.startsWith(`${home}${path.sep}`) &&
    path.basename(directory).startsWith('opsloop-')
  )
    await rm(directory, { recursive: true, force: true });
};
