import { afterEach, describe, expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import type { BlackoutCalendar } from '#registry/task';
import { HOURLY, instantsOfSixHours, SIX_HOURS_MS } from '../support/hourly-downtime.ts';
import {
  ADMIN,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
  type TestTask,
} from '../support/runner-world.ts';

const HOUR_MS = 3_600_000;

const YEARLY = { cron: '0 0 1 1 *', timezone: 'UTC' };

describe.each(['redis', 'postgres'] as const)('supervision on %s', (backend) => {
  let world: RunnerWorld;
  const open = async (...tasks: readonly TestTask[]): Promise<RunnerWorld> => {
    world = await openRunnerWorld(backend, tasks);
    return world;
  };
  afterEach(async () => {
    expect(world.unexpected).toEqual([]);
    await world.close();
  });

  const occurrencesOf = async (taskId: string) => {
    const found = await world.runs.listOccurrences(ADMIN, { taskId, limit: 1_000 });
    return [...found].reverse().map(({ scheduledFor, state, reason }) => ({
      scheduledFor,
      end: reason === null ? state : `${state}(${reason})`,
    }));
  };

  const untilSettled = async (taskId: string) =>
    eventually(async () => {
      const found = await occurrencesOf(taskId);
      return found.length > 0 && found.every(({ end }) => end !== 'open') ? found : null;
    });

  const openAlarms = async () =>
    (await world.runs.listAlarms(ADMIN, { includeCleared: false })).map(
      ({ taskId, kind }) => `${taskId} ${kind}`,
    );

  it.each([
    { catchUp: 'none', ends: Array(6).fill('missed(catch_up)') },
    { catchUp: 'latest', ends: [...Array(5).fill('missed(superseded)'), 'caught_up'] },
    { catchUp: 'all', ends: Array(6).fill('caught_up') },
  ] as const)('after six hours down, catch_up: $catchUp keeps its promise', async (promise) => {
    const seen: Date[] = [];
    await open({
      task: makeTask('digest', { schedule: HOURLY, catchUp: promise.catchUp }),
      reads: 'history',
      run: async ({ scheduledFor }) => {
        seen.push(scheduledFor);
        return SUCCEEDED;
      },
    });
    await world.apply();
    await world.backdate(SIX_HOURS_MS);
    await world.startSupervisor();
    await world.startWorker();
    const instants = instantsOfSixHours();
    expect(await untilSettled('digest')).toEqual(
      instants.map((scheduledFor, index) => ({ scheduledFor, end: promise.ends[index] })),
    );
    // Oldest first, one at a time, each with its own instant.
    expect(seen).toEqual(instants.filter((_, index) => promise.ends[index] === 'caught_up'));
    const runs = await world.runs.list(ADMIN, { taskId: 'digest', limit: 100 });
    expect(runs.map(({ trigger, actor }) => `${trigger} ${actor}`)).toEqual(
      seen.map(() => 'catchup scheduler'),
    );
  });

  it('records as missed what is older than the window, and what the task was paused for as skipped', async () => {
    await open({
      task: makeTask('digest', {
        schedule: HOURLY,
        catchUp: 'all',
        catchUpWindowMs: 5 * HOUR_MS,
      }),
      run: async () => SUCCEEDED,
    });
    await world.apply();
    await world.backdate(SIX_HOURS_MS);
    const instants = instantsOfSixHours();
    await world.database.execute(
      `INSERT INTO task_pauses (task_id, paused_by, reason, paused_at, resumed_at, resumed_by)
       VALUES ('digest', 'ann', 'audit', $1, $2, 'ann')`,
      [new Date((instants[2]?.getTime() ?? 0) - 1), new Date((instants[3]?.getTime() ?? 0) + 1)],
    );
    await world.startSupervisor();
    await world.startWorker();
    expect((await untilSettled('digest')).map(({ end }) => end)).toEqual([
      'missed(window)',
      'caught_up',
      'skipped(paused)',
      'skipped(paused)',
      'caught_up',
      'caught_up',
    ]);
  });

  it('starts in time what the engine lost, and brings its schedules back', async () => {
    const soon = new Date(Date.now() + 3_000);
    const due = new Date(Math.ceil(soon.getTime() / 1_000) * 1_000);
    const { cron } = {
      cron: `${due.getUTCSeconds()} ${due.getUTCMinutes()} ${due.getUTCHours()} * * *`,
    };
    await open({
      task: makeTask('daily', { schedule: { cron, timezone: 'UTC' } }),
      run: async () => SUCCEEDED,
    });
    await world.apply();
    const supervisor = await world.startSupervisor();
    await world.queue.removeScheduler({ queueName: 'daily', schedulerId: 'daily' });
    await world.startWorker();
    expect(await untilSettled('daily')).toEqual([{ scheduledFor: due, end: 'ran' }]);
    supervisor.reconcileSoon();
    const [scheduler] = await eventually(async () => {
      const found = await world.queue.listSchedulers('daily');
      return found.length > 0 ? found : null;
    });
    expect(scheduler).toMatchObject({ schedulerId: 'daily', cron, slotState: 'delayed' });
    expect(await eventually(openAlarms)).toEqual(['null schedule_lost']);
    supervisor.reconcileSoon();
    await eventually(async () => (await openAlarms()).length === 0);
  });

  it('takes the newest of the queued runs and drops those that waited too long', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await open({
      task: makeTask('loop', {
        schedule: { cron: '* * * * * *', timezone: 'UTC' },
        overlap: 'queue',
        lateAfterMs: 1_000,
      }),
      run: async ({ scheduledFor, log }) => {
        log.info(scheduledFor.toISOString());
        await held;
        return SUCCEEDED;
      },
    });
    await world.apply();
    await world.startWorker({ concurrency: 8 });
    await eventually(async () =>
      (await occurrencesOf('loop')).some(({ end }) => end === 'skipped(stale)'),
    );
    release();
    await eventually(
      async () => (await occurrencesOf('loop')).filter(({ end }) => end === 'ran').length >= 2,
    );
  });

  it('starts what comes after a task when that succeeded, for the same instant', async () => {
    const seen: string[] = [];
    let failsAt = -1;
    const instants = instantsOfSixHours();
    await open(
      {
        task: makeTask('first', { schedule: HOURLY, catchUp: 'all', attempts: 1 }),
        run: async ({ scheduledFor }) => {
          if (scheduledFor.getTime() === instants[failsAt]?.getTime())
            return { kind: 'failed', reason: 'broken', retry: 'final' };
          return SUCCEEDED;
        },
      },
      {
        task: makeTask('second', { after: ['first' as TaskId], catchUp: 'all' }),
        run: async ({ scheduledFor }) => {
          seen.push(scheduledFor.toISOString());
          return SUCCEEDED;
        },
      },
    );
    failsAt = 2;
    await world.apply();
    await world.backdate(SIX_HOURS_MS);
    await world.startSupervisor();
    await world.startWorker();
    await untilSettled('first');
    const ends = await untilSettled('second');
    expect(ends.map(({ end }) => end)).toEqual(
      instants.map((_, index) => (index === failsAt ? 'missed(predecessor)' : 'caught_up')),
    );
    const expected = instants.filter((_, index) => index !== failsAt);
    expect(seen).toEqual(expected.map((instant) => instant.toISOString()));
  });

  it('does not run a slot ahead of its time that somebody promoted, and keeps it', async () => {
    await open({ task: makeTask('yearly', { schedule: YEARLY }), run: async () => SUCCEEDED });
    await world.apply();
    await world.startWorker();
    const [scheduler] = await world.queue.listSchedulers('yearly');
    const jobId = `repeat:yearly:${scheduler?.nextAt?.getTime()}`;
    const queue = await world.queue.bullQueue('yearly');
    await (await queue.getJob(jobId))?.promote();
    const ref = { queueName: 'yearly', jobId };
    await eventually(async () => (await queue.getJob(jobId))?.attemptsStarted === 1);
    await eventually(async () => (await world.queue.findState(ref)) === 'delayed');
    expect(await occurrencesOf('yearly')).toEqual([]);
    expect(await world.runs.list(ADMIN, { limit: 10 })).toEqual([]);
  });

  it('runs a backfill oldest first, one run at a time, beside the schedule', async () => {
    const seen: string[] = [];
    let active = 0;
    await open({
      task: makeTask('digest', { schedule: HOURLY }),
      reads: 'history',
      run: async ({ scheduledFor }) => {
        active += 1;
        expect(active).toBe(1);
        seen.push(scheduledFor.toISOString());
        await new Promise((resolve) => setImmediate(resolve));
        active -= 1;
        return SUCCEEDED;
      },
    });
    await world.apply();
    await world.startSupervisor();
    await world.startWorker();
    const instants = instantsOfSixHours();
    const request = {
      taskId: 'digest',
      from: instants[0] ?? new Date(),
      to: new Date(),
      inputs: {},
      dryRun: false,
      onlyMissing: false,
      actor: ADMIN,
    };
    const backfill = await world.runs.startBackfill(request);
    expect(backfill).toMatchObject({ total: 6, endedAt: null });
    await eventually(async () => {
      const { runs } = await world.runs.getBackfill(ADMIN, backfill.id);
      return runs.succeeded === 6;
    });
    expect(seen).toEqual(instants.map((instant) => instant.toISOString()));
    const again = await world.runs.startBackfill({ ...request, onlyMissing: true });
    expect(again).toMatchObject({ total: 0, endedAt: expect.any(Date) });
  });

  it('holds occurrences back in a blackout: one skips, another runs when it ends', async () => {
    const dueMs = Math.ceil((Date.now() + 2_500) / 1_000) * 1_000;
    const daily = (ms: number): string => {
      const at = new Date(ms);
      return `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
    };
    const calendar = (action: 'skip' | 'delay'): BlackoutCalendar => ({
      name: action,
      title: `Window that would ${action}`,
      timezone: 'UTC',
      action,
      windows: [{ kind: 'recurring', cron: daily(dueMs - 1_000), durationMs: 4_000 }],
    });
    const schedule = { cron: daily(dueMs), timezone: 'UTC' };
    world = await openRunnerWorld(
      backend,
      (['skip', 'delay'] as const).map((action) => ({
        task: makeTask(`task_${action}`, { schedule, blackouts: [action] }),
        run: async () => SUCCEEDED,
      })),
      { blackouts: [calendar('skip'), calendar('delay')] },
    );
    await world.apply();
    await world.startSupervisor();
    await world.startWorker();
    expect(await untilSettled('task_skip')).toMatchObject([{ end: 'skipped(blackout)' }]);
    expect(await untilSettled('task_delay')).toMatchObject([{ end: 'ran' }]);
    const [run] = await world.runs.list(ADMIN, { taskId: 'task_delay', limit: 1 });
    expect(run).toMatchObject({ scheduledFor: new Date(dueMs), trigger: 'schedule' });
    expect(run?.startedAt?.getTime()).toBeGreaterThanOrEqual(dueMs + 3_000);
    const [held] = await world.runs.listOccurrences(ADMIN, { taskId: 'task_delay', limit: 1 });
    expect(held?.dueAt).toEqual(new Date(dueMs + 3_000));
  });
});
