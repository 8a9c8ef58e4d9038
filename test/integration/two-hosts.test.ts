import { describe, expect, it } from 'vitest';
import { eventually, makeTask, openRunnerWorld, SUCCEEDED } from '../support/runner-world.ts';

const TASKS = 50;
const SECONDS = 20;
const EVERY_SECOND = { cron: '* * * * * *', timezone: 'UTC' };

describe.each(['redis', 'postgres'] as const)('two hosts on one %s', (backend) => {
  it('run each of a thousand occurrences once', async () => {
    const effects: string[] = [];
    const world = await openRunnerWorld(
      backend,
      Array.from({ length: TASKS }, (_, index) => ({
        task: makeTask(`task_${index}`, {
          schedule: EVERY_SECOND,
          overlap: 'allow',
          catchUp: 'all',
          queue: `shared_${index % 5}`,
        }),
        run: async ({ scheduledFor }) => {
          effects.push(`task_${index} ${scheduledFor.getTime()}`);
          return SUCCEEDED;
        },
      })),
    );
    try {
      // Both apply, supervise and work at the same moment.
      await Promise.all([world.apply(), world.apply()]);
      await Promise.all([
        world.startSupervisor(),
        world.startSupervisor({ queue: world.newQueue() }),
      ]);
      await Promise.all([world.startWorker(), world.startWorker()]);
      const schedulers = await Promise.all(
        Array.from({ length: 5 }, (_, index) => world.queue.listSchedulers(`shared_${index}`)),
      );
      expect(schedulers.flat()).toHaveLength(TASKS);

      const [first] = await world.database.query<{ since: Date }>(
        'SELECT min(scheduled_for) AS since FROM occurrences',
      );
      const from = first?.since ?? new Date();
      const to = new Date(from.getTime() + SECONDS * 1_000);
      const rows = await eventually(async () => {
        const found = await world.database.query<{ task_id: string; at: Date; state: string }>(
          `SELECT task_id, scheduled_for AS at, state FROM occurrences
           WHERE scheduled_for >= $1 AND scheduled_for < $2`,
          [from, to],
        );
        const isOver =
          found.length >= TASKS * SECONDS && found.every(({ state }) => state !== 'open');
        return isOver ? found : null;
      });
      expect(rows).toHaveLength(TASKS * SECONDS);
      for (const { state } of rows) expect(['ran', 'ran_late', 'caught_up']).toContain(state);
      const expected = rows.map(({ task_id: taskId, at }) => `${taskId} ${at.getTime()}`).sort();
      const inRange = new Set(expected);
      expect(effects.filter((effect) => inRange.has(effect)).sort()).toEqual(expected);
      expect(world.unexpected).toEqual([]);
    } finally {
      await world.close();
    }
  });
});
