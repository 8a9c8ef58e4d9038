import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';
import { writePrivateFile } from './private-file.ts';
import { clusterOf, hasCluster } from './server-home.ts';
import { type ServerUser, spawnIds } from './server-user.ts';

/** Role and database of the embedded server; the role may do everything in it. */
export const EMBEDDED_ROLE = 'opsloop';
export const EMBEDDED_DATABASE = 'postgres';

// Nothing of our environment reaches the server: neither PG* settings nor secrets.
export const SERVER_ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };

const run = (
  command: string,
  args: readonly string[],
  user: ServerUser | null,
): Promise<{ readonly code: number | null; readonly output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...spawnIds(user),
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });

/** Reads the password, or makes it while there is no cluster yet. */
export const ensurePassword = async (file: string, home: string): Promise<string> => {
  const found = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (found !== '') return found;
  if (hasCluster(home))
    throw new AppError(
      'invalid_configuration',
      `the embedded PostgreSQL's password file ${file} is missing, empty or not readable for this user; restore it`,
    );
  const password = randomBytes(24).toString('base64url');
  await writePrivateFile(file, `${password}\n`);
  return password;
};

const DRAFT = 'initialising-';

/**
 * Makes the cluster in `<home>/postgres` unless it is there. It is built aside
 * and renamed, so that a crash leaves a whole cluster or none. Text sorts by
 * code point on every platform.
 */
export const ensureCluster = async (options: {
  readonly home: string;
  readonly binaries: string;
  readonly user: ServerUser | null;
  readonly password: string;
}): Promise<boolean> => {
  const { home, user } = options;
  if (hasCluster(home)) return false;
  for (const entry of await readdir(home))
    if (entry.startsWith(DRAFT)) await rm(path.join(home, entry), { recursive: true, force: true });

  const draft = path.join(home, `${DRAFT}${randomBytes(4).toString('hex')}`);
  const passwordFile = path.join(draft, 'password');
  await mkdir(draft, { mode: 0o700 });
  try {
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    await chmod(passwordFile, 0o600);
    if (user !== null) {
      await chown(passwordFile, user.uid, user.gid);
      await chown(draft, user.uid, user.gid);
    }
    const { code, output } = await run(
      path.join(options.binaries, 'bin', 'initdb'),
      [
        `--pgdata=${draft}/data`,
        `--username=${EMBEDDED_ROLE}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
      ],
      user,
    );
    if (code !== 0)
      throw new AppError(
        'internal',
        `initdb of the embedded PostgreSQL failed: ${lastLine(output)}`,
      );
    await rename(path.join(draft, 'data'), clusterOf(home));
    const handle = await open(home, 'r');
    await handle.sync().finally(() => handle.close());
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return true;
};

const lastLine = (text: string): string =>
  text
    .split('\n')
    .findLast((line) => /error|fatal|could not/i.test(line))
    ?.trim() ?? 'it gave no reason';
