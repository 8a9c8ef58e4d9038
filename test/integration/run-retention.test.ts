import { afterEach, expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import { createRunRetention } from '#runner/run-retention';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';
import { makeTask, openRunnerWorld, type RunnerWorld, SUCCEEDED } from '../support/runner-world.ts';

const DAY_MS = 86_400_000;

let world: RunnerWorld;
afterEach(() => world.close());

it('removes what is over and older than keep_runs of its task, and nothing that is open', async () => {
  world = await openRunnerWorld('postgres', [
    { task: makeTask('short', { keepRunsMs: 2 * DAY_MS }), run: async () => SUCCEEDED },
    { task: makeTask('long', { keepRunsMs: 400 * DAY_MS }), run: async () => SUCCEEDED },
  ]);
  const { database, catalog } = world;
  for (const id of ['short', 'long', 'gone'] as TaskId[])
    for (const days of [1, 3, 100]) {
      const at = new Date(Date.now() - days * DAY_MS);
      await database.execute(
        `INSERT INTO occurrences (task_id, scheduled_for, state, closed_at) VALUES ($1, $2, 'missed', $2)`,
        [id, at],
      );
      await database.execute(
        `INSERT INTO task_pauses (task_id, paused_by, reason, paused_at, resumed_at) VALUES ($1, 'ann', 'x', $2, $2)`,
        [id, at],
      );
    }
  const open = new Date(Date.now() - 300 * DAY_MS);
  await database.execute(`INSERT INTO occurrences (task_id, scheduled_for) VALUES ('short', $1)`, [
    open,
  ]);
  await database.execute(
    `INSERT INTO task_pauses (task_id, paused_by, reason, paused_at) VALUES ('short', 'ann', 'x', $1)`,
    [open],
  );
  const effects = {
    files: undefined as never,
    rows: createLiveRowEffects({ database, fence: { assertHeldIn: async () => undefined } }),
  };
  const removed = await createRunRetention(effects, catalog).removeExpired(new Date());
  expect(removed).toEqual({ runs: 0, occurrences: 3 });
  const left = async (table: string): Promise<readonly string[]> => {
    const rows = await database.query<{ text: string }>(
      `SELECT task_id || ' ' || count(*) AS text FROM ${table} GROUP BY task_id ORDER BY task_id`,
    );
    return rows.map(({ text }) => text);
  };
  expect(await left('occurrences')).toEqual(['gone 2', 'long 3', 'short 2']);
  expect(await left('task_pauses')).toEqual(['gone 2', 'long 3', 'short 2']);
});
