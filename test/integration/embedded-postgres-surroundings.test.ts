import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isProcessAlive } from '#core/process-alive';
import { locateBinaries } from '#storage/postgres/embedded/binaries';
import { currentProcess, formatIdentity } from '#storage/postgres/embedded/process-identity';
import { keep, kept, queryValues, useEmbeddedDataDir } from '#test/support/embedded-data-dir';

const place = useEmbeddedDataDir();

describe('what a crash leaves', () => {
  beforeEach(() => place.copySeed());

  let strangers: ChildProcess[] = [];
  afterEach(() => {
    for (const stranger of strangers) stranger.kill('SIGKILL');
    strangers = [];
  });

  // A process of the server's user, so that the server could mistake it for its own.
  const startStranger = async (): Promise<number> => {
    const { uid, gid } = await stat(path.join(place.dataDir, 'postgres'));
    const stranger = spawn('sleep', ['600'], { cwd: '/', stdio: 'ignore', uid, gid });
    strangers.push(stranger);
    await once(stranger, 'spawn');
    return stranger.pid ?? 0;
  };

  it('does not block when the numbers of its processes belong to others now', async () => {
    const first = await place.join();
    await keep(first.dsn, 'x');
    const owner = await readFile(place.pidFile(), 'utf8');
    await first.stop();

    const stranger = await startStranger();
    const lines = owner.split('\n').toSpliced(0, 1, String(stranger));
    await writeFile(place.pidFile(), lines.join('\n'));
    const { uid, gid } = await stat(path.join(place.dataDir, 'postgres'));
    await chown(place.pidFile(), uid, gid);
    await chmod(place.pidFile(), 0o600);
    const reused = formatIdentity({ ...currentProcess(), startMark: 'earlier' });
    for (const name of ['owner', 'startup'])
      await symlink(`${reused}_0`, path.join(place.dataDir, 'locks', `${name}.1000`));
    await writeFile(path.join(place.dataDir, 'clients', `${reused}_0`), '');

    const second = await place.join();
    expect(await kept(second.dsn)).toEqual(['x']);
    await second.stop();
    expect(await place.serverPid()).toBeNull();
  });
});

describe('the npm package', () => {
  it('works when no install script ran, so that the libraries have no short names', async () => {
    await place.copySeed();
    const { directory } = locateBinaries();
    const list = await readFile(path.join(directory, 'pg-symlinks.json'), 'utf8');
    const links = (JSON.parse(list) as { target: string }[]).map(({ target }) => target);
    const binariesDir = path.join(place.root, 'native');
    await cp(directory, binariesDir, { recursive: true, verbatimSymlinks: true });
    for (const link of links) await rm(path.join(place.root, link), { force: true });
    const { dsn } = await place.join({ binariesDir });
    expect(await queryValues(dsn, 'SELECT 1')).toEqual([1]);
  });
});

const asRoot = (): void => {
  let parent: string;
  let lines: string[];
  const logger = {
    info: (_fields: object, message: string) => void lines.push(message),
    warn: (_fields: object, message: string) => void lines.push(message),
  };

  beforeEach(async () => {
    lines = [];
    parent = path.join(place.root, 'homes');
    await mkdir(path.join(place.root, 'clone'), { mode: 0o700 });
    place.dataDir = path.join(place.root, 'clone', '.opsloop');
  });

  it('keeps data and binaries in a folder that it names, and finds them again', async () => {
    const binariesDir = path.join(place.root, 'clone', 'native');
    await cp(locateBinaries().directory, binariesDir, { recursive: true, verbatimSymlinks: true });
    const options = { binariesDir, homeParents: [parent], logger };
    const first = await place.join(options);
    await keep(first.dsn, 'x');
    await first.stop();
    const [home = ''] = await readdir(parent);
    expect(lines.join('\n')).toContain(`keeps its data in ${path.join(parent, home)},`);
    expect(lines.join('\n')).toContain('runs from a copy of its binaries');
    expect((await stat(path.join(parent, home))).mode & 0o777).toBe(0o755);

    const second = await place.join(options);
    expect(await kept(second.dsn)).toEqual(['x']);
    expect(await readdir(parent)).toEqual([home]);
  });

  it('begins with an empty database after the data directory was deleted, also under a running server', async () => {
    const options = { homeParents: [parent], logger };
    const first = await place.join(options);
    await keep(first.dsn, 'x');
    const orphan = await place.serverPid();
    await rm(place.dataDir, { recursive: true });
    await first.stop();
    const second = await place.join(options);
    expect(await queryValues(second.dsn, `SELECT to_regclass('kept') IS NULL`)).toEqual([true]);
    expect(await readdir(parent)).toHaveLength(2);
    expect(lines.join('\n')).toContain('delete it when nobody needs it');
    expect(orphan !== null && isProcessAlive(orphan)).toBe(false);
  });

  it('refuses to begin anew when that folder is gone', async () => {
    const first = await place.join({ homeParents: [parent] });
    await first.stop();
    await rm(parent, { recursive: true });
    await expect(place.join({ homeParents: [parent] })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringMatching(/which is gone; restore it/),
    });
  });

  it('refuses to begin anew when existing data came out of reach', async () => {
    await chmod(path.join(place.root, 'clone'), 0o755);
    await (await place.join()).stop();
    await chmod(path.join(place.root, 'clone'), 0o700);
    await expect(place.join({ homeParents: [parent] })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringMatching(/can no longer reach/),
    });
  });

  it('does not use a folder that others may write to', async () => {
    await mkdir(parent);
    await chmod(parent, 0o777);
    const other = path.join(place.root, 'other');
    await (await place.join({ homeParents: [parent, other] })).stop();
    expect(await readdir(parent)).toEqual([]);
    expect(await readdir(other)).toHaveLength(1);
  });
};

const asOrdinaryUser = (): void => {
  it('keeps its data in the data directory, whatever the folder above it permits', async () => {
    await chmod(place.root, 0o700);
    const { dsn } = await place.join();
    expect(await queryValues(dsn, 'SELECT 1')).toEqual([1]);
    expect(await place.serverPid()).toBeGreaterThan(0);
  });
};

// What a private folder means depends on who runs the tests; either way it has to work.
if (process.getuid?.() === 0) describe('in a folder that only root can enter', asRoot);
else describe('in a folder that only its user can enter', asOrdinaryUser);
