import { hasCode } from '#core/errors';
import type { QueueEngine, QueueJobState } from '#queue/queue-port';
import type { Declaration } from '#registry/declaration';
import {
  compareSchedules,
  type LiveSchedule,
  type ScheduleDifference,
} from '#registry/plan-registry';

/** Writes to the engine that are under way at once. */
const WRITERS = 16;

/** States in which the job of a slot will still fire. */
const ALIVE: readonly (QueueJobState | null)[] = ['waiting', 'active', 'delayed'];

/** Every scheduler of these queues. */
export const listLiveSchedules = async (
  queue: QueueEngine,
  queueNames: Iterable<string>,
): Promise<readonly LiveSchedule[]> => {
  const perQueue = await Promise.all(
    [...new Set(queueNames)].map((queueName) => queue.listSchedulers(queueName)),
  );
  return perQueue.flat().map((scheduler) => ({
    ...scheduler,
    hasNextJob: ALIVE.includes(scheduler.slotState),
  }));
};

/**
 * Where the engine differs from the declarations. A difference that a scheduler
 * shows while it moves from one slot to the next is gone at the second look.
 */
export const findScheduleDifferences = async (
  queue: QueueEngine,
  declarations: readonly Declaration[],
  queueNames: Iterable<string>,
): Promise<readonly ScheduleDifference[]> => {
  const look = async (names: Iterable<string>): Promise<readonly ScheduleDifference[]> =>
    compareSchedules(declarations, await listLiveSchedules(queue, names));
  const first = await look(queueNames);
  if (!first.some(({ kind }) => kind === 'broken')) return first;
  const second = await look(queueNames);
  return first.filter(
    (each) =>
      each.kind !== 'broken' ||
      second.some(
        ({ kind, schedulerId, queueName }) =>
          kind === 'broken' && schedulerId === each.schedulerId && queueName === each.queueName,
      ),
  );
};

const write = async (queue: QueueEngine, difference: ScheduleDifference): Promise<void> => {
  const { wanted, queueName, schedulerId } = difference;
  if (wanted === null) {
    await queue.removeScheduler({ queueName, schedulerId });
    return;
  }
  const { task } = wanted;
  if (task.schedule === null) return;
  try {
    await queue.upsertScheduler({
      queueName,
      schedulerId,
      cron: task.schedule.cron,
      timezone: task.schedule.timezone,
      jobName: task.id,
      data: {},
      attempts: task.attempts,
    });
  } catch (error) {
    // Somebody runs its coming slot ahead of time at this moment: the next look finds it again.
    if (!hasCode(error, 'conflict')) throw error;
  }
};

/**
 * Makes the engine what was declared. A scheduler that is right is never
 * written: that would drop a slot that is due. Ghosts go first, so that a task
 * which changed its queue is never in two.
 */
export const writeSchedules = async (
  queue: QueueEngine,
  differences: readonly ScheduleDifference[],
): Promise<void> => {
  const ghostsFirst = [...differences].sort(
    (a, b) => Number(a.kind !== 'ghost') - Number(b.kind !== 'ghost'),
  );
  const ghosts = ghostsFirst.filter(({ kind }) => kind === 'ghost');
  for (const work of [ghosts, ghostsFirst.slice(ghosts.length)]) {
    const left = [...work];
    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift())
          await write(queue, next);
      }),
    );
  }
};
