import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { findEmbeddedOwner } from '#storage/postgres/embedded-postgres';
import { keep, kept, queryValues, useEmbeddedDataDir } from '#test/support/embedded-data-dir';

const place = useEmbeddedDataDir();

describe('several processes', () => {
  beforeEach(() => place.copySeed());

  it('refuses a second owner in one line that names the directory and the process', async () => {
    const owner = place.joinElsewhere('own');
    await owner.nextMessage();
    await expect(place.join()).rejects.toMatchObject({
      code: 'in_use',
      message: expect.stringMatching(
        new RegExp(`^${place.dataDir} is in use by process ${owner.pid};.*$`),
      ),
    });
    expect(findEmbeddedOwner(place.dataDir)).toBe(owner.pid);
  });

  it('attaches to the owner, and the server stays until the last one left', async () => {
    const owner = place.joinElsewhere('own');
    const { dsn } = await owner.nextMessage();
    const command = await place.join({ mode: 'attach-or-own' });
    expect(command).toMatchObject({ role: 'attached', dsn });
    await keep(command.dsn, 'x');
    const pid = await place.serverPid();
    expect(await owner.finish()).toBe(0);
    expect(await place.serverPid()).toBe(pid);
    expect(await kept(command.dsn)).toEqual(['x']);
    await command.stop();
    expect(await place.serverPid()).toBeNull();
  });

  it('lets a start own the directory while a command uses the server that it started', async () => {
    const command = place.joinElsewhere('attach-or-own');
    expect(await command.nextMessage()).toMatchObject({ role: 'owner' });
    const owner = await place.join();
    expect(owner.role).toBe('owner');
    expect(await command.finish()).toBe(0);
    expect(await queryValues(owner.dsn, 'SELECT 1')).toEqual([1]);
  });

  it('starts one server when five begin at the same moment', async () => {
    const commands = await Promise.all(
      Array.from({ length: 5 }, () => place.join({ mode: 'attach-or-own' })),
    );
    expect(commands.filter(({ role }) => role === 'owner')).toHaveLength(1);
    expect(new Set(commands.map(({ dsn }) => dsn)).size).toBe(1);
    await Promise.all(commands.map((command) => command.stop()));
    expect(await place.serverPid()).toBeNull();
    expect(await readdir(path.join(place.dataDir, 'clients'))).toEqual([]);
  });

  it('takes over the server of an owner that was killed', async () => {
    const owner = place.joinElsewhere('own');
    await keep((await owner.nextMessage())['dsn'], 'x');
    const orphan = await place.serverPid();
    await owner.kill9();
    const next = await place.join();
    expect(await place.serverPid()).toBe(orphan);
    expect(await kept(next.dsn)).toEqual(['x']);
    await next.stop();
    expect(await place.serverPid()).toBeNull();
  });

  it('starts after owner and server were both killed', async () => {
    const owner = place.joinElsewhere('own');
    await keep((await owner.nextMessage())['dsn'], 'x');
    const pid = await place.serverPid();
    await owner.kill9();
    process.kill(pid ?? 0, 'SIGKILL');
    const next = await place.join();
    expect(await kept(next.dsn)).toEqual(['x']);
  });
});
