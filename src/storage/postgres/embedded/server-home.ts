import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppError } from '#core/errors';
import { writePrivateFile } from './private-file.ts';
import { canAccess, type ServerUser } from './server-user.ts';

/** Where the cluster lives: the data directory itself, or a folder that the server's user can reach. */
export interface ServerHome {
  readonly directory: string;
  readonly isElsewhere: boolean;
  /** Homes of data directories that stood at this path before and were deleted. */
  readonly abandoned: readonly string[];
}

export const clusterOf = (home: string): string => path.join(home, 'postgres');

export const hasCluster = (home: string): boolean =>
  existsSync(path.join(clusterOf(home), 'PG_VERSION'));

const locationFile = (dataDir: string): string => path.join(dataDir, 'location.json');

/** Where an earlier start put the cluster when that is not the data directory; null otherwise. */
export const readLocation = async (dataDir: string): Promise<string | null> => {
  try {
    const content: unknown = JSON.parse(await readFile(locationFile(dataDir), 'utf8'));
    if (content !== null && typeof content === 'object' && 'directory' in content)
      if (typeof content.directory === 'string') return content.directory;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  throw new AppError('invalid_configuration', `${locationFile(dataDir)} has no "directory"`);
};

/** Folders below which a home may be made, best first; all are kept over a restart of the machine but the last. */
const DEFAULT_HOME_PARENTS: readonly string[] = [
  '/var/lib/opsloop',
  '/var/tmp/opsloop',
  path.join(tmpdir(), 'opsloop'),
];

// A folder that others may write to, or that is not ours, could be swapped under us.
const makeParent = async (parent: string, user: ServerUser): Promise<boolean> => {
  try {
    await mkdir(parent, { mode: 0o755 }).then(
      () => chmod(parent, 0o755),
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
    const found = await lstat(parent);
    const isOurs = found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0;
    return isOurs && canAccess(user, '-x', [parent]);
  } catch {
    return false;
  }
};

const chooseElsewhere = async (
  dataDir: string,
  user: ServerUser,
  parents: readonly string[],
): Promise<ServerHome> => {
  const key = createHash('sha256')
    .update(await realpath(dataDir))
    .digest('hex')
    .slice(0, 16);
  for (const parent of parents) {
    if (!(await makeParent(parent, user))) continue;
    const names = await readdir(parent);
    const abandoned = names
      .filter((name) => name.startsWith(`${key}-`))
      .map((name) => path.join(parent, name));
    // Never the same twice: whoever deleted a data directory wants an empty one,
    // and its password went with it.
    const directory = path.join(parent, `${key}-${randomBytes(4).toString('hex')}`);
    await mkdir(directory);
    await chmod(directory, 0o755);
    await writePrivateFile(locationFile(dataDir), `${JSON.stringify({ directory })}\n`);
    return { directory, isElsewhere: true, abandoned };
  }
  throw new AppError(
    'invalid_configuration',
    `the user "${user.name}", as which the embedded PostgreSQL runs, can reach neither ${dataDir} nor one of ${parents.join(', ')}; ` +
      'make the data directory reachable (chmod o+x on it and the folders above it) or set DATABASE_URL',
  );
};

const checkRemembered = (dataDir: string, directory: string, isInitialised: boolean): void => {
  if (isInitialised && !hasCluster(directory))
    throw new AppError(
      'invalid_configuration',
      `the embedded PostgreSQL of ${dataDir} kept its data in ${directory}, which is gone; ` +
        `restore it, or delete ${locationFile(dataDir)} and ${passwordFileOf(dataDir)} to begin with an empty database`,
    );
};

/** Its presence also says that a cluster was made once. */
export const passwordFileOf = (dataDir: string): string => path.join(dataDir, 'postgres-password');

/**
 * Decides where the cluster lives, and remembers it in the data directory when
 * that is elsewhere. Never begins an empty database where an older one is out
 * of reach: that is `invalid_configuration`.
 */
export const resolveServerHome = async (options: {
  readonly dataDir: string;
  readonly user: ServerUser | null;
  readonly parents?: readonly string[];
}): Promise<ServerHome> => {
  const { dataDir, user } = options;
  const remembered = await readLocation(dataDir);
  if (remembered !== null) {
    checkRemembered(dataDir, remembered, existsSync(passwordFileOf(dataDir)));
    return { directory: remembered, isElsewhere: true, abandoned: [] };
  }
  if (user === null || canAccess(user, '-x', [dataDir]))
    return { directory: dataDir, isElsewhere: false, abandoned: [] };
  if (hasCluster(dataDir))
    throw new AppError(
      'invalid_configuration',
      `the user "${user.name}" can no longer reach the embedded PostgreSQL's data in ${dataDir}; ` +
        'make it reachable again (chmod o+x on it and the folders above it)',
    );
  const parents = options.parents ?? DEFAULT_HOME_PARENTS;
  return chooseElsewhere(dataDir, user, parents);
};
