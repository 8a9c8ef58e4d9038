import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import { remakePartialRuns } from '#runner/supervise/remake-partial-runs';
import { ADMIN, makeTask, openRunnerWorld, type RunnerWorld } from '../support/runner-world.ts';

let world: RunnerWorld;
afterEach(async () => {
  expect(world.unexpected).toEqual([]);
  await world.close();
});

const NINE = '2026-11-04T09:00:00.000Z';

/** A world with a digest that is partial while `isWhole` says so, and one run of it for nine o'clock. */
const openDigest = async (options: {
  readonly isWhole: () => boolean;
  readonly reads?: 'history' | 'live';
}) => {
  world = await openRunnerWorld('postgres', [
    {
      task: makeTask('digest', { schedule: { cron: '0 9 * * *', timezone: 'UTC' } }),
      reads: options.reads ?? 'history',
      run: async () => ({
        kind: 'succeeded',
        summary: {},
        ...(options.isWhole() ? {} : { partial: true }),
      }),
    },
  ]);
  await world.startWorker();
  return runOnce();
};

const runOnce = async () => {
  const runId = await world.start('digest', { scheduledFor: NINE });
  return world.untilState(runId, 'succeeded');
};

/** As if every run so far had ended that long ago. */
const age = (minutes: number) =>
  world.database.execute(
    `UPDATE task_runs SET finished_at = finished_at - make_interval(mins => $1),
       accepted_at = accepted_at - make_interval(mins => $1)`,
    [minutes],
  );

const remake = () =>
  remakePartialRuns({
    database: world.database,
    queue: world.queue,
    catalog: world.catalog,
    clock: systemClock,
  });

describe('reports on incomplete data', () => {
  it('are made again for the same instant until one is whole', async () => {
    let isWhole = false;
    const first = await openDigest({ isWhole: () => isWhole });
    expect(first.partial).toBe(true);
    expect(await remake()).toEqual([]);
    await age(361);
    const [second] = await remake();
    expect(second).toMatchObject({ trigger: 'retry', retryOf: first.id, actor: 'supervisor' });
    expect(second?.scheduledFor.toISOString()).toBe(NINE);
    // Under way: nobody makes it twice.
    expect(await remake()).toEqual([]);
    await world.untilState(second?.id ?? '', 'succeeded');
    isWhole = true;
    await age(361);
    const [third] = await remake();
    const whole = await world.untilState(third?.id ?? '', 'succeeded');
    expect(whole).toMatchObject({ partial: false, retryOf: second?.id });
    await age(361);
    expect(await remake()).toEqual([]);
  });

  it('wait while the task is paused', async () => {
    await openDigest({ isWhole: () => false });
    await age(361);
    await world.runs.pauseTask(ADMIN, 'digest', 'maintenance');
    expect(await remake()).toEqual([]);
    await world.runs.resumeTask(ADMIN, 'digest');
    expect(await remake()).toHaveLength(1);
  });

  it('are left alone when somebody made a whole one meanwhile', async () => {
    let isWhole = false;
    await openDigest({ isWhole: () => isWhole });
    isWhole = true;
    await runOnce();
    await age(361);
    expect(await remake()).toEqual([]);
  });

  it('are left alone when the job looks at what is there now', async () => {
    await openDigest({ isWhole: () => false, reads: 'live' });
    await age(361);
    expect(await remake()).toEqual([]);
  });

  it('are given up after twenty remakes', async () => {
    const first = await openDigest({ isWhole: () => false });
    await age(361);
    await world.database.execute(
      `INSERT INTO task_runs (id, task_id, trigger, actor, scheduled_for, inputs, inputs_hash, dry_run, state, finished_at)
       SELECT 'run_0' || lpad(n::text, 25, '0'), task_id, 'retry', 'test', scheduled_for, inputs, inputs_hash, false, 'failed', now() - interval '3 days'
       FROM task_runs, generate_series(1, 20) AS n WHERE id = $1`,
      [first.id],
    );
    expect(await remake()).toEqual([]);
  });
});
