import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import type { TaskId } from '#core/ids';
import { FakeClock } from '#test/support/fake-clock';
import { testJobs, testRegistry } from '#test/support/test-tasks';
import { Follower, LiveCatalog } from './live-catalog.ts';
import { createTaskCatalog, queueNamesOf, type TaskCatalog } from './task-catalog.ts';

const DIGEST = 'window_digest' as TaskId;
const SWEEP = 'guarded_sweep' as TaskId;

const catalogOf = (reconcile: 'enforce' | 'warn', ...taskIds: readonly TaskId[]): TaskCatalog => {
  const registry = testRegistry();
  const tasks = new Map([...registry.tasks].filter(([id]) => taskIds.includes(id)));
  return createTaskCatalog({ ...registry, tasks, reconcile }, testJobs());
};

describe('a live catalogue', () => {
  it('is, in every way to read it, the one that it has now', () => {
    const live = new LiveCatalog(catalogOf('enforce', DIGEST));
    live.replace(catalogOf('warn', SWEEP, DIGEST));
    const visited: string[] = [];
    live.forEach((entry, id, catalog) => {
      visited.push(`${id} ${entry.task.id} ${catalog === live}`);
    });
    expect(visited).toEqual([`${DIGEST} ${DIGEST} true`, `${SWEEP} ${SWEEP} true`]);
    expect([...live.keys()]).toEqual([DIGEST, SWEEP]);
    expect([...live.values()].map(({ task }) => task.id)).toEqual([DIGEST, SWEEP]);
    expect([...live.entries()]).toEqual([...live]);
    expect(live).toMatchObject({ size: 2, reconcile: 'warn' });
    expect(live.has(SWEEP)).toBe(true);
    expect(live.get(SWEEP)?.task.id).toBe(SWEEP);
    expect(queueNamesOf(live)).toEqual(new Set([DIGEST, SWEEP]));
    live.replace(catalogOf('enforce', DIGEST));
    expect(live.get(SWEEP)).toBeUndefined();
    expect(live.size).toBe(1);
  });

  it('leaves an entry that was looked up before as it was', () => {
    const live = new LiveCatalog(catalogOf('enforce', DIGEST));
    const entry = live.get(DIGEST);
    live.replace(catalogOf('enforce', SWEEP));
    expect(entry?.task.id).toBe(DIGEST);
  });

  it('tells its listeners after the change, until they have enough', () => {
    const live = new LiveCatalog(catalogOf('enforce', DIGEST));
    const heard: string[] = [];
    const unsubscribe = live.subscribe(() => heard.push(`a ${live.size}`));
    live.subscribe(() => heard.push(`b ${live.size}`));
    live.replace(catalogOf('enforce', DIGEST, SWEEP));
    unsubscribe();
    unsubscribe();
    live.replace(catalogOf('enforce', SWEEP));
    expect(heard).toEqual(['a 2', 'b 2', 'b 1']);
  });

  it('may lose a listener while it tells', () => {
    const live = new LiveCatalog(catalogOf('enforce', DIGEST));
    let heard = 0;
    const unsubscribe = live.subscribe(() => {
      heard += 1;
      unsubscribe();
    });
    live.subscribe(() => {
      heard += 1;
    });
    live.replace(catalogOf('enforce', SWEEP));
    expect(heard).toBe(2);
  });
});

const AWAY = new AppError('unavailable', 'the engine is away');

/** A `follow` whose calls a test ends one by one, in order. */
const steps = () => {
  const open: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  let begun = 0;
  return {
    get begun(): number {
      return begun;
    },
    follow: () => {
      begun += 1;
      return new Promise<void>((resolve, reject) => {
        open.push({ resolve, reject });
      });
    },
    succeed: () => open.shift()?.resolve(),
    fail: () => open.shift()?.reject(AWAY),
  };
};

describe('a follower', () => {
  const clock = () => new FakeClock('2024-02-29T00:00:00Z');

  it('tries again with growing pauses until it works', async () => {
    const time = clock();
    const pauses: number[] = [];
    let left = 7;
    const follower = new Follower({
      clock: time,
      follow: async () => {
        left -= 1;
        if (left > 0) throw AWAY;
      },
      onFailure: (error, retryMs) => {
        expect(error).toBe(AWAY);
        pauses.push(retryMs);
      },
    });
    const done = follower.changed();
    await time.advance(60_000);
    await done;
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000]);
    expect(left).toBe(0);
  });

  it('follows one change at a time, and of those that come meanwhile only the last', async () => {
    const time = clock();
    const calls = steps();
    const follower = new Follower({
      clock: time,
      follow: calls.follow,
      onFailure: () => undefined,
    });
    void follower.changed();
    await time.advance(0);
    const last = [follower.changed(), follower.changed(), follower.changed()];
    await time.advance(0);
    expect(calls.begun).toBe(1);
    calls.succeed();
    await time.advance(0);
    expect(calls.begun).toBe(2);
    calls.succeed();
    await Promise.all(last);
    expect(calls.begun).toBe(2);
  });

  it('does not wait for the end of a pause when something changes', async () => {
    const time = clock();
    const calls = steps();
    const follower = new Follower({
      clock: time,
      follow: calls.follow,
      onFailure: () => undefined,
    });
    void follower.changed();
    await time.advance(0);
    calls.fail();
    await time.advance(0);
    const changed = follower.changed();
    await time.advance(0);
    expect(calls.begun).toBe(2);
    calls.succeed();
    await changed;
  });

  it('stops after what is under way, in a pause at once, and begins nothing any more', async () => {
    const time = clock();
    const calls = steps();
    const follower = new Follower({
      clock: time,
      follow: calls.follow,
      onFailure: () => undefined,
    });
    void follower.changed();
    await time.advance(0);
    let isStopped = false;
    const stopped = follower.stop().then(() => {
      isStopped = true;
    });
    void follower.changed();
    await time.advance(0);
    expect(isStopped).toBe(false);
    calls.fail();
    await stopped;
    await follower.changed();
    await time.advance(60_000);
    expect(calls.begun).toBe(1);
  });
});
