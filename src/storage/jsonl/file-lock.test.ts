import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import { startScript } from '#test/support/child-process';
import { FileLock, withFileLock } from './file-lock.ts';

let root: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-lock-'));
  file = path.join(root, 'deep', 'a.lock');
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('the lock of a file', () => {
  it('is one holder’s at a time, also within a process', async () => {
    const [one, two] = [new FileLock(file), new FileLock(file)];
    expect(await one.tryAcquire()).toBe(true);
    expect(await one.tryAcquire()).toBe(false);
    expect(await two.tryAcquire()).toBe(false);
    one.release();
    expect(await two.tryAcquire()).toBe(true);
    expect(await one.tryAcquire()).toBe(false);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await Promise.all([one.close(), two.close()]);
  });

  it('lets nobody in while work is under way', async () => {
    let inside = 0;
    let most = 0;
    const shared = new FileLock(file);
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await stat(root);
      inside -= 1;
    };
    const turns: Promise<void>[] = [];
    for (let n = 0; n < 20; n += 1) {
      turns.push(withFileLock(file, { clock: systemClock }, work));
      turns.push(
        shared.acquire(systemClock).then(async () => {
          await work();
          shared.release();
        }),
      );
    }
    await Promise.all(turns);
    expect(most).toBe(1);
    await shared.close();
  });

  it('is given to those of one object in the order in which they asked', async () => {
    const lock = new FileLock(file);
    await lock.tryAcquire();
    const order: number[] = [];
    const turns = [1, 2, 3].map(async (n) => {
      await lock.acquire(systemClock);
      order.push(n);
      lock.release();
    });
    lock.release();
    await Promise.all(turns);
    expect(order).toEqual([1, 2, 3]);
    await lock.close();
  });

  it('ends with the process that holds it, however that ends', async () => {
    const holder = startScript('test/support/file-lock-contender.ts', [file]);
    expect(await holder.nextMessage()).toEqual({ taken: true });
    const lock = new FileLock(file);
    expect(await lock.tryAcquire()).toBe(false);
    await holder.kill9();
    expect(await lock.acquire(systemClock)).toBe(true);
    await lock.close();
  });

  it('is of the file that is in place, not of one that was removed', async () => {
    const [one, two] = [new FileLock(file), new FileLock(file)];
    expect(await one.tryAcquire()).toBe(true);
    one.release();
    await rm(path.dirname(file), { recursive: true });
    expect(await two.tryAcquire()).toBe(true);
    expect(await one.tryAcquire()).toBe(false);
    await Promise.all([one.close(), two.close()]);
  });

  it('is waited for no longer than the signal allows', async () => {
    const [one, two] = [new FileLock(file), new FileLock(file)];
    await one.tryAcquire();
    expect(await two.acquire(systemClock, AbortSignal.abort())).toBe(false);
    const stop = new AbortController();
    const waiting = two.acquire(systemClock, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    const own = new AbortController();
    const behind = one.acquire(systemClock, own.signal);
    own.abort();
    expect(await behind).toBe(false);
    one.release();
    expect(await two.acquire(systemClock)).toBe(true);
    await Promise.all([one.close(), two.close()]);
  });
});
