import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startScript } from '#test/support/child-process';
import { currentProcess, findProcess, formatIdentity, isRunning } from './process-identity.ts';
import { findLockHolder, type ProcessLock, tryProcessLock } from './process-lock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'opsloop-lock-'));
});
afterEach(() => rm(directory, { recursive: true }));

const take = (name = 'a'): ProcessLock => {
  const taken = tryProcessLock(directory, name);
  if ('lock' in taken) return taken.lock;
  throw new Error(`held by ${taken.holder.pid}`);
};

describe('a process lock', () => {
  it('is held by one until released, whatever other locks there are', () => {
    const lock = take();
    take('b');
    expect(tryProcessLock(directory, 'a')).toEqual({ holder: currentProcess() });
    expect(findLockHolder(directory, 'a')).toEqual(currentProcess());
    lock.release();
    lock.release();
    expect(findLockHolder(directory, 'a')).toBeNull();
    take();
  });

  it('is not freed by the release of an earlier holder that comes twice', () => {
    const first = take();
    first.release();
    take();
    first.release();
    expect(findLockHolder(directory, 'a')).toEqual(currentProcess());
  });

  it.each([
    ['of a process that ended', '2147483646_x_0'],
    ['of an earlier process with our number', `${process.pid}_earlier_0`],
    ['that nobody can read', 'nonsense'],
  ])('%s is taken over', async (_what, target) => {
    await symlink(target, path.join(directory, 'a.41'));
    expect(findLockHolder(directory, 'a')).toBeNull();
    take();
    expect(await readdir(directory)).toEqual(['a.42']);
  });

  it('leaves one file behind however often it was taken', async () => {
    for (let round = 0; round < 20; round += 1) take().release();
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('has no holder where there is no folder', () => {
    expect(findLockHolder(path.join(directory, 'none'), 'a')).toBeNull();
  });

  it('is held by one of three processes at a time, also when holders are killed', async () => {
    await mkdir(path.join(directory, 'locks'));
    const start = () => startScript('test/support/process-lock-contender.ts', [directory, '1000']);
    const contenders = [start(), start(), start()];
    await Promise.all(contenders.map((contender) => contender.nextMessage()));
    const victim = start();
    expect(await victim.nextMessage()).toEqual({ ready: true });
    await victim.kill9();
    const results = await Promise.all(contenders.map((contender) => contender.nextMessage()));
    expect(results).toEqual(contenders.map(() => ({ taken: 1_000, overlaps: 0 })));
    await Promise.all(contenders.map((contender) => contender.finish()));
  });
});

describe('a process identity', () => {
  it('tells a process from an earlier one of the same number', () => {
    expect(isRunning(currentProcess())).toBe(true);
    expect(isRunning({ ...currentProcess(), startMark: 'earlier' })).toBe(false);
    expect(findProcess(2_147_483_646)).toBeNull();
    expect(formatIdentity(currentProcess())).toMatch(/^\d+_[\w-]+$/);
  });
});
