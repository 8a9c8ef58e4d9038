import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import { findEmbeddedOwner } from '#storage/postgres/embedded-postgres';
import { keep, kept, queryValues, useEmbeddedDataDir } from '#test/support/embedded-data-dir';

const place = useEmbeddedDataDir();

const modeOf = async (file: string): Promise<number> =>
  (await stat(path.join(place.dataDir, file))).mode & 0o777;

describe('a new data directory', () => {
  it('keeps its data over a restart, and leaves no server behind', async () => {
    const first = await place.join();
    expect(first.role).toBe('owner');
    await keep(first.dsn, 'x');
    const pid = await place.serverPid();
    expect(pid).toBeGreaterThan(0);
    expect(findEmbeddedOwner(place.dataDir)).toBe(process.pid);
    await Promise.all([first.stop(), first.stop()]);
    expect(await place.serverPid()).toBeNull();
    expect(findEmbeddedOwner(place.dataDir)).toBeNull();

    const second = await place.join();
    expect(await kept(second.dsn)).toEqual(['x']);
    expect(second.dsn).toBe(first.dsn);
  });

  it('keeps the password in a 0600 file and nowhere else', async () => {
    const { dsn } = await place.join();
    const password = new URL(dsn).password;
    expect((await readFile(path.join(place.dataDir, 'postgres-password'), 'utf8')).trim()).toBe(
      password,
    );
    expect(await modeOf('postgres-password')).toBe(0o600);
    expect(await modeOf('connection.json')).toBe(0o600);
    const connection = await readFile(path.join(place.dataDir, 'connection.json'), 'utf8');
    expect(connection).not.toContain(password);
    expect(JSON.parse(connection)).toMatchObject({
      server_pid: await place.serverPid(),
      owner_pid: process.pid,
    });
  });

  it('uses a short folder for the socket when the data directory has a long path', async () => {
    place.dataDir = path.join(place.root, 'd'.repeat(60), 'e'.repeat(60));
    const first = await place.join();
    const socket = new URL(first.dsn).searchParams.get('host') ?? '';
    expect(socket.startsWith(place.dataDir)).toBe(false);
    expect((await stat(socket)).mode & 0o777).toBe(0o700);
    await first.stop();
    await expect(stat(socket)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('clears away what an initialisation that crashed has left', async () => {
    await mkdir(path.join(place.dataDir, 'initialising-dead', 'data'), { recursive: true });
    await chmod(place.dataDir, 0o755);
    const { dsn } = await place.join();
    expect(await queryValues(dsn, 'SELECT 1')).toEqual([1]);
    expect(await readdir(place.dataDir)).not.toContain('initialising-dead');
  });
});

describe('one process', () => {
  beforeEach(() => place.copySeed());

  it('listens on no port, asks for the password and sorts by code point', async () => {
    const { dsn } = await place.join();
    expect(await queryValues(dsn, 'SHOW listen_addresses')).toEqual(['']);
    expect(await queryValues(dsn, 'SHOW fsync')).toEqual(['on']);
    expect(await queryValues(dsn, `SELECT 'B' < 'a'`)).toEqual([true]);
    const stranger = new URL(dsn);
    stranger.password = 'wrong';
    await expect(queryValues(stranger.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('starts a server that was killed again at the same address', async () => {
    const { dsn } = await place.join();
    await keep(dsn, 'x');
    const before = await place.serverPid();
    process.kill(before ?? 0, 'SIGKILL');
    const answer = async (): Promise<readonly unknown[]> => {
      for (;;) {
        try {
          return await kept(dsn);
        } catch {
          await systemClock.sleep(20);
        }
      }
    };
    expect(await answer()).toEqual(['x']);
    expect(await place.serverPid()).not.toBe(before);
  });

  it('refuses a password file that does not fit the cluster, by name', async () => {
    const first = await place.join();
    await first.stop();
    await writeFile(path.join(place.dataDir, 'postgres-password'), 'another\n');
    await expect(place.join()).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('postgres-password'),
    });
    await writeFile(path.join(place.dataDir, 'postgres-password'), new URL(first.dsn).password);
    expect(await queryValues((await place.join()).dsn, 'SELECT 1')).toEqual([1]);
  });
});
