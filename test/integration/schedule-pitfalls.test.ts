import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#core/clock';
import type { TaskId } from '#core/ids';
import type { TaskDefinition } from '#registry/task';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import {
  ADMIN,
  changedCatalog,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
  type TestTask,
} from '../support/runner-world.ts';

/**
 * What this runner makes of the faults that test/contract/pitfall-*.test.ts
 * reproduce on bare BullMQ; the rows are those of the same numbers. Row 2 takes
 * real processes (test/chaos/schedule-faults.test.ts), row 13 is arithmetic
 * (test/contract/cron-clock-changes.test.ts, queue-scheduler-contract.ts),
 * row 16 is about starts on request (runner.test.ts).
 */
const EVERY_SECOND = { cron: '* * * * * *', timezone: 'UTC' };
const YEARLY = { cron: '0 0 1 1 *', timezone: 'UTC' };

describe.each(['redis', 'postgres'] as const)('with its ledger, the runner on %s', (backend) => {
  let world: RunnerWorld;
  const open = async (...tasks: readonly TestTask[]): Promise<void> => {
    world = await openRunnerWorld(backend, tasks);
    await world.apply();
  };
  afterEach(async () => {
    expect(world.unexpected).toEqual([]);
    await world.close();
  });

  const ends = async (taskId: string): Promise<readonly { at: number; end: string }[]> => {
    const found = await world.runs.listOccurrences(ADMIN, { taskId, limit: 1_000 });
    return [...found].reverse().map(({ scheduledFor, state, reason }) => ({
      at: scheduledFor.getTime(),
      end: reason === null ? state : `${state}(${reason})`,
    }));
  };

  /** The instants that have a row without a gap between the first and the last, one a second. */
  const hasEverySecond = (rows: readonly { at: number }[]): boolean =>
    rows.every(({ at }, index) => index === 0 || at === (rows[index - 1]?.at ?? 0) + 1_000);

  const applyChanged = async (change: (task: TaskDefinition) => TaskDefinition): Promise<void> => {
    await applyRegistry(
      { ledger: world.ledger, queue: world.queue },
      declareRegistry(changedCatalog(world, change)),
      'test',
    );
  };

  it('row 1: runs what was overdue at boot, also when the registry changes the schedule', async () => {
    await open({
      task: makeTask('loop', { schedule: EVERY_SECOND, catchUp: 'all', lateAfterMs: 1_000 }),
      run: async () => SUCCEEDED,
    });
    const appliedAt = (await world.ledger.now()).getTime();
    await systemClock.sleep(3_200);
    await applyChanged((task) => ({ ...task, schedule: YEARLY }));
    const changedAt = (await world.ledger.now()).getTime();
    await world.startSupervisor();
    await world.startWorker();
    const rows = await eventually(async () => {
      const found = await ends('loop');
      return found.every(({ end }) => end !== 'open') ? found : null;
    });
    const due = Array.from({ length: 10 }, (_, n) => Math.floor(appliedAt / 1_000 + n + 1) * 1_000);
    expect(rows.map(({ at }) => at)).toEqual(due.filter((at) => at > appliedAt && at <= changedAt));
    expect(rows.map(({ end }) => end)).toEqual(
      rows.map(() => expect.stringMatching(/ran|caught_up/)),
    );
  });

  it('row 3: does not start a run again that may start once, when its worker died', async () => {
    let starts = 0;
    await open({
      task: makeTask('once', { attempts: 1 }),
      run: async () => {
        starts += 1;
        return SUCCEEDED;
      },
    });
    const runId = await world.start('once');
    await world.database.execute(
      `UPDATE task_runs SET state = 'running', attempts = 1, worker = 'dead' WHERE id = $1`,
      [runId],
    );
    await world.startWorker();
    expect(await world.untilState(runId, 'failed')).toMatchObject({ error: { class: 'crash' } });
    expect(starts).toBe(0);
  });

  it('rows 4 and 5: never runs a task beside itself, and has a row for each slot that it skipped', async () => {
    let active = 0;
    let most = 0;
    await open({
      task: makeTask('slow', { schedule: EVERY_SECOND, catchUp: 'none', queue: 'shared' }),
      run: async () => {
        active += 1;
        most = Math.max(most, active);
        await systemClock.sleep(2_500);
        active -= 1;
        return SUCCEEDED;
      },
    });
    await world.startSupervisor();
    await world.startWorker({ concurrency: 10 });
    const rows = await eventually(async () => {
      const found = await ends('slow');
      return found.filter(({ end }) => end === 'ran').length >= 2 ? found : null;
    });
    expect(most).toBe(1);
    expect(hasEverySecond(rows)).toBe(true);
    expect(rows.map(({ end }) => end)).toContain('skipped(overlap)');
  });

  it('row 6: goes on after the engine was emptied, with every slot accounted for', async () => {
    await open({
      task: makeTask('loop', { schedule: EVERY_SECOND, catchUp: 'all' }),
      run: async () => SUCCEEDED,
    });
    const supervisor = await world.startSupervisor();
    await world.startWorker();
    await eventually(async () => (await ends('loop')).some(({ end }) => end === 'ran'));
    await world.emptyEngine();
    const emptiedAt = Date.now();
    supervisor.reconcileSoon();
    const rows = await eventually(async () => {
      const found = await ends('loop');
      const isOver = found.some(({ at, end }) => at > emptiedAt + 2_000 && end === 'ran');
      return isOver && found.every(({ at, end }) => at > emptiedAt + 2_000 || end !== 'open')
        ? found
        : null;
    });
    expect(hasEverySecond(rows)).toBe(true);
    const alarms = await world.runs.listAlarms(ADMIN, { includeCleared: true });
    expect(alarms.map(({ kind }) => kind)).toContain('schedule_lost');
  });

  it('row 7: arms a chain again that lost its next job, and says so', async () => {
    await open({ task: makeTask('yearly', { schedule: YEARLY }), run: async () => SUCCEEDED });
    const supervisor = await world.startSupervisor();
    const [scheduler] = await world.queue.listSchedulers('yearly');
    const queue = await world.queue.bullQueue('yearly');
    const jobId = `repeat:yearly:${scheduler?.nextAt?.getTime()}`;
    // As a chain breaks: the job is gone and the scheduler does not know.
    await (await queue.getJob(jobId))?.promote();
    const consumer = await world.newQueue().consume({
      queueName: 'yearly',
      concurrency: 1,
      workerName: 'thief',
      handle: async () => ({ kind: 'complete', returnValue: null }),
      onError: () => undefined,
    });
    await eventually(async () => (await queue.getJobCounts('completed')).completed === 1);
    await consumer.stop();
    for (const state of ['completed', 'delayed'] as const) await queue.clean(0, 100, state);
    supervisor.reconcileSoon();
    await eventually(async () => {
      const [found] = await world.queue.listSchedulers('yearly');
      return found?.slotState === 'delayed';
    });
  });

  it('rows 8 and 19: removes the schedulers of tasks that are gone, and ids that break a listing', async () => {
    await open(
      { task: makeTask('kept', { schedule: YEARLY, queue: 'shared' }), run: async () => SUCCEEDED },
      { task: makeTask('gone', { schedule: YEARLY, queue: 'shared' }), run: async () => SUCCEEDED },
    );
    const queue = await world.queue.bullQueue('shared');
    await queue.upsertJobScheduler('stranger-1', { pattern: '0 0 1 1 *', tz: 'UTC' });
    await applyChanged((task) => ({ ...task, enabled: task.id !== ('gone' as TaskId) }));
    const left = await world.queue.listSchedulers('shared');
    expect(left.map(({ schedulerId }) => schedulerId)).toEqual(['kept']);
  });

  it('row 9: puts a schedule back that was turned into an interval, and takes its extra firing for none of its own', async () => {
    await open({ task: makeTask('yearly', { schedule: YEARLY }), run: async () => SUCCEEDED });
    const supervisor = await world.startSupervisor();
    await world.startWorker();
    const queue = await world.queue.bullQueue('yearly');
    await queue.upsertJobScheduler('yearly', { every: 60_000 }, { name: 'yearly', data: {} });
    await eventually(async () => (await queue.getJobCounts('failed')).failed === 1);
    supervisor.reconcileSoon();
    await eventually(async () => {
      const [found] = await world.queue.listSchedulers('yearly');
      return found?.cron === YEARLY.cron && found.everyMs === null && found.slotState === 'delayed';
    });
    expect(await ends('yearly')).toEqual([]);
    expect(await world.runs.list(ADMIN, { limit: 10 })).toEqual([]);
  });

  it('rows 10 and 11: writes a schedule whose coming slot was run ahead of time, with its zone', async () => {
    await open({ task: makeTask('yearly', { schedule: YEARLY }), run: async () => SUCCEEDED });
    const [scheduler] = await world.queue.listSchedulers('yearly');
    const queue = await world.queue.bullQueue('yearly');
    const consumer = await world.newQueue().consume({
      queueName: 'yearly',
      concurrency: 1,
      workerName: 'hasty',
      handle: async () => ({ kind: 'complete', returnValue: null }),
      onError: () => undefined,
    });
    await (await queue.getJob(`repeat:yearly:${scheduler?.nextAt?.getTime()}`))?.promote();
    await eventually(async () => (await queue.getJobCounts('completed')).completed === 1);
    await consumer.stop();
    await world.queue.removeScheduler({ queueName: 'yearly', schedulerId: 'yearly' });
    await world.apply();
    expect(await world.queue.listSchedulers('yearly')).toMatchObject([
      { cron: YEARLY.cron, timezone: 'UTC', slotState: 'delayed', nextAt: scheduler?.nextAt },
    ]);
  });

  it('row 15: has nothing left to fire when a pause ends', async () => {
    await open({
      task: makeTask('loop', { schedule: EVERY_SECOND, catchUp: 'all' }),
      run: async () => SUCCEEDED,
    });
    await world.startSupervisor();
    await world.startWorker();
    await eventually(async () => (await ends('loop')).some(({ end }) => end === 'ran'));
    await world.runs.pauseTask(ADMIN, 'loop', 'audit');
    const pausedAt = (await world.ledger.now()).getTime();
    await eventually(
      async () => (await ends('loop')).filter(({ end }) => end === 'skipped(paused)').length >= 2,
    );
    const resumedAt = (await world.ledger.now()).getTime();
    await world.runs.resumeTask(ADMIN, 'loop');
    const rows = await eventually(async () => {
      const found = await ends('loop');
      return found.some(({ at, end }) => at > resumedAt + 1_000 && end === 'ran') ? found : null;
    });
    const within = rows.filter(({ at }) => at > pausedAt && at < resumedAt);
    expect(new Set(within.map(({ end }) => end))).toEqual(new Set(['skipped(paused)']));
    expect(hasEverySecond(rows)).toBe(true);
  });
});
