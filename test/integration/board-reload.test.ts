import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBoard } from '#board/board';
import { type BoardQueue, toBoardQueues } from '#board/board-queue';
import { systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import type { TaskDefinition } from '#registry/task';
import type { Actor } from '#runner/run';
import {
  ADMIN,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
} from '../support/runner-world.ts';

interface ShownQueue {
  readonly name: string;
  readonly displayName: string;
}

describe('the board of a registry that is replaced', () => {
  let world: RunnerWorld;
  let site: FastifyInstance;
  let tell: ((queues: readonly BoardQueue[]) => void) | null = null;
  let isAway = false;
  let asked: string[] = [];
  let actor: Actor = ADMIN;

  const queuesOf = (...tasks: readonly TaskDefinition[]): readonly BoardQueue[] =>
    toBoardQueues(tasks.map((task) => ({ task, queueName: task.queue ?? task.id })));

  const first = makeTask('first', { group: 'cost' });
  const second = makeTask('second', { group: 'audit' });

  beforeEach(async () => {
    isAway = false;
    asked = [];
    actor = ADMIN;
    world = await openRunnerWorld('redis', [
      { task: first, run: async () => SUCCEEDED },
      { task: second, run: async () => SUCCEEDED },
    ]);
    const board = createBoard({
      queues: queuesOf(first),
      onQueuesChange: (listener) => {
        tell = listener;
        return () => {
          tell = null;
        };
      },
      engine: {
        bullQueue: async (queueName) => {
          asked.push(queueName);
          if (isAway) throw new AppError('unavailable', 'the queue engine is away');
          return world.queue.bullQueue(queueName);
        },
      },
      runs: world.runs,
      findRunId: async () => null,
      clock: systemClock,
      environment: null,
    });
    site = Fastify();
    const context = { basePath: '', actorOf: () => actor, noteStartedRun: () => undefined };
    await site.register((scope) => board.register(scope, context), { prefix: board.prefix });
    await site.ready();
  });
  afterEach(async () => {
    await site.close();
    await world.close();
  });

  const shown = async (): Promise<readonly ShownQueue[]> => {
    const answer = await site.inject({ url: '/board/api/queues' });
    return answer.json<{ queues: readonly ShownQueue[] }>().queues;
  };
  const namesShown = async () => (await shown()).map(({ name }) => name).sort();
  const untilShown = (...names: readonly string[]) =>
    eventually(async () => (await namesShown()).join() === names.join());
  const add = (queue: string) =>
    site.inject({
      method: 'POST',
      url: `/board/api/queues/${queue}/add`,
      payload: { name: '__default__', data: {}, options: {} },
    });

  it('shows a queue that is added, by both of its names, and drops one that is gone', async () => {
    expect(await namesShown()).toEqual(['cost.first']);
    expect((await add('second')).statusCode).toBe(404);
    tell?.(queuesOf(second));
    await untilShown('audit.second');
    expect((await add('second')).statusCode).toBe(200);
    expect((await add('audit.second')).statusCode).not.toBe(404);
    expect((await add('first')).statusCode).toBe(404);
  });

  it('shows a queue that stays as its task is now: title, group and readers', async () => {
    tell?.(queuesOf({ ...first, title: 'Another title', group: 'audit' }, second));
    await untilShown('audit.first', 'audit.second');
    expect((await shown()).map(({ displayName }) => displayName)).toContain('Another title');
    actor = { ...ADMIN, entitlements: new Set(['tools.jobs.read']) };
    expect(await namesShown()).toHaveLength(2);
    const permissions = { start: [], read: ['tools.cost.read'] };
    tell?.(queuesOf({ ...first, permissions }, second));
    await untilShown('audit.second');
  });

  it('tries again while the queue engine is away, and shows what counts in the end', async () => {
    isAway = true;
    tell?.(queuesOf(second));
    await eventually(async () => asked.includes('second'));
    tell?.(queuesOf(first, second));
    await eventually(async () => asked.length >= 5);
    expect(await namesShown()).toEqual(['cost.first']);
    isAway = false;
    await untilShown('audit.second', 'cost.first');
  });

  it('follows no longer once the site is closed', async () => {
    isAway = true;
    tell?.(queuesOf(second));
    await eventually(async () => asked.includes('second'));
    await site.close();
    expect(tell).toBeNull();
  });
});
