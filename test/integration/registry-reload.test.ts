import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import type { ConsumeOptions, Consumer, QueueEngine } from '#queue/queue-port';
import type { TaskDefinition } from '#registry/task';
import { LiveCatalog } from '#runner/live-catalog';
import { createTaskCatalog, type TaskCatalog } from '#runner/task-catalog';
import {
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '../support/runner-world.ts';

/** Opens when a test says so. */
const gate = () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

/** The engine, telling whom it consumes for, and refusing to when a test says so. */
class WatchedQueue {
  readonly consumed: string[] = [];
  readonly stopped: string[] = [];
  isAway = false;
  refusals = 0;
  readonly engine: QueueEngine;

  constructor(engine: QueueEngine) {
    this.engine = new Proxy(engine, {
      get: (target, name) => {
        if (name === 'consume') return (options: ConsumeOptions) => this.#consume(target, options);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #consume(engine: QueueEngine, options: ConsumeOptions): Promise<Consumer> {
    if (this.isAway) {
      this.refusals += 1;
      throw new AppError('unavailable', 'the queue engine is away');
    }
    const consumer = await engine.consume(options);
    const name = `${options.queueName} by ${options.concurrency}`;
    this.consumed.push(name);
    return {
      stop: async () => {
        await consumer.stop();
        this.stopped.push(name);
      },
      abortActive: (reason) => consumer.abortActive(reason),
      get activeCount() {
        return consumer.activeCount;
      },
    };
  }
}

describe.each(['postgres', 'redis'] as const)('a registry that is replaced, on %s', (backend) => {
  let world: RunnerWorld;
  let all: TaskCatalog;
  let queue: WatchedQueue;
  let live: LiveCatalog;
  let held = gate();
  let signals: AbortSignal[] = [];

  /** The catalogue of some of the world's tasks, as another registry file would have it. */
  const only = (taskIds: readonly string[], over: Partial<TaskDefinition> = {}): TaskCatalog => {
    const entries = [...all.values()].filter(({ task }) => taskIds.includes(task.id));
    return createTaskCatalog(
      {
        file: 'test',
        tasks: new Map(entries.map(({ task }) => [task.id, { ...task, ...over }])),
        blackouts: new Map(),
        reconcile: 'enforce',
      },
      new Map(entries.map(({ task, job }) => [task.job, job])),
    );
  };

  beforeEach(async () => {
    held = gate();
    signals = [];
    world = await openRunnerWorld(backend, [
      { task: makeTask('quick'), run: async () => SUCCEEDED },
      { task: makeTask('new'), run: async () => SUCCEEDED },
      {
        task: makeTask('held'),
        run: async ({ signal }) => {
          signals.push(signal);
          await held.opened;
          return SUCCEEDED;
        },
      },
    ]);
    all = world.catalog;
    queue = new WatchedQueue(world.queue);
  });
  afterEach(async () => {
    held.open();
    await world.close();
    expect(world.unexpected).toEqual([]);
  });

  const startWorker = async (...taskIds: readonly string[]) => {
    live = new LiveCatalog(only(taskIds));
    return world.startWorker({ catalog: live, queue: queue.engine });
  };

  it('consumes a task that is added, and starts no further consumer for one that stays', async () => {
    await startWorker('quick');
    const added = await world.start('new');
    const stays = await world.start('quick');
    await world.untilState(stays, 'succeeded');
    live.replace(only(['quick', 'new']));
    await world.untilState(added, 'succeeded');
    expect(queue.consumed).toEqual(['quick by 2', 'new by 2']);
    expect(queue.stopped).toEqual([]);
  });

  it('takes nothing more for a task that is removed, and lets its active run end', async () => {
    await startWorker('held', 'quick');
    const active = await world.start('held');
    await world.untilState(active, 'running');
    live.replace(only(['quick']));
    const waiting = await world.start('held', { dryRun: true });
    const other = await world.start('quick');
    await world.untilState(other, 'succeeded');
    expect((await world.untilState(active, 'running')).state).toBe('running');
    expect(queue.stopped).toEqual([]);
    held.open();
    await world.untilState(active, 'succeeded');
    await eventually(async () => queue.stopped.includes('held by 2'));
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    // The one that waited is still there when the task comes back.
    expect((await world.untilState(waiting, 'queued')).attempts).toBe(0);
    live.replace(only(['quick', 'held']));
    await world.untilState(waiting, 'succeeded');
    expect([...queue.consumed].sort()).toEqual(['held by 2', 'held by 2', 'quick by 2']);
  });

  it('takes more or fewer at once when a queue becomes shared or a task’s own again', async () => {
    await startWorker('held');
    const active = await world.start('held');
    await world.untilState(active, 'running');
    live.replace(only(['held', 'quick', 'new'], { queue: 'held' }));
    // The former consumer still works on its run while the next one takes jobs.
    await eventually(async () => queue.consumed.includes('held by 8'));
    live.replace(only(['held']));
    await eventually(async () => queue.consumed.length === 3);
    expect(queue.consumed).toEqual(['held by 2', 'held by 8', 'held by 2']);
    held.open();
    await world.untilState(active, 'succeeded');
    await eventually(async () => queue.stopped.length === 2);
    expect(queue.stopped).toEqual(['held by 8', 'held by 2']);
  });

  it('goes by the last of several that follow each other at once', async () => {
    await startWorker('quick');
    live.replace(only(['new']));
    live.replace(only(['quick', 'held']));
    live.replace(only(['quick', 'new']));
    const added = await world.start('new');
    await world.untilState(added, 'succeeded');
    expect(queue.consumed).toEqual(['quick by 2', 'new by 2']);
  });

  it('tries again until the queue engine is back', async () => {
    await startWorker('quick');
    queue.isAway = true;
    live.replace(only(['quick', 'new']));
    const added = await world.start('new');
    await eventually(async () => queue.refusals >= 2);
    queue.isAway = false;
    await world.untilState(added, 'succeeded');
  });

  it('changes nothing any more once the worker stops, also one that was about to', async () => {
    const worker = await startWorker('held');
    const active = await world.start('held');
    await world.untilState(active, 'running');
    queue.isAway = true;
    live.replace(only(['held', 'new']));
    await eventually(async () => queue.refusals >= 1);
    const stopped = worker.stop();
    queue.isAway = false;
    live.replace(only(['quick', 'new']));
    held.open();
    await stopped;
    expect(queue.consumed).toEqual(['held by 2']);
    expect(queue.stopped).toEqual(['held by 2']);
  });

  it('gives the grace to what is left of queues that were given up before', async () => {
    live = new LiveCatalog(only(['held', 'quick']));
    const worker = await world.startWorker({
      catalog: live,
      queue: queue.engine,
      shutdownGraceMs: 3_000,
    });
    const active = await world.start('held');
    await world.untilState(active, 'running');
    live.replace(only(['new']));
    await eventually(async () => queue.stopped.includes('quick by 2'));
    const done = worker.stop();
    await eventually(async () => queue.stopped.includes('new by 2'));
    expect(signals[0]?.aborted).toBe(false);
    await eventually(async () => signals[0]?.aborted === true);
    held.open();
    await done;
    expect(queue.stopped).toEqual(['quick by 2', 'new by 2', 'held by 2']);
  });
});
