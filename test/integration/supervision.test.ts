import { afterEach, describe, expect, it } from 'vitest';
import type { TaskId } from '#core/ids';
import { clearRecoveredAlarms, raiseOccurrenceAlarms } from '#runner/ledger/task-alarms';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { watchCadence } from '#runner/supervise/watch-cadence';
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
const DOWN_MS = 6 * HOUR_MS + 60_000;

/** Hourly, at a minute that is half an hour away: nothing falls due while a test runs, and the last one is late. */
const minute = (new Date().getUTCMinutes() + 30) % 60;
const HOURLY = { cron: `${minute} * * * *`, timezone: 'UTC' };
const YEARLY = { cron: '0 0 1 1 *', timezone: 'UTC' };

/** The instants of the schedule in the six hours before now, oldest first. */
const missedInstants = (): readonly Date[] => {
  const now = Date.now();
  const hour = Math.floor(now / HOUR_MS) * HOUR_MS + minute * 60_000;
  const last = hour > now ? hour - HOUR_MS : hour;
  return [5, 4, 3, 2, 1, 0].map((back) => new Date(last - back * HOUR_MS));
};

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
    await world.backdate(DOWN_MS);
    await world.startSupervisor();
    await world.startWorker();
    const instants = missedInstants();
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
    await world.backdate(DOWN_MS);
    const instants = missedInstants();
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

  it('raises one alarm for what has not started in time, and clears it when it starts', async () => {
    await open({
      task: makeTask('digest', { schedule: HOURLY, catchUp: 'all' }),
      run: async () => SUCCEEDED,
    });
    await world.apply();
    await world.backdate(DOWN_MS);
    const supervisor = await world.startSupervisor();
    expect(await openAlarms()).toEqual(['digest late']);
    supervisor.superviseSoon();
    const [alarm] = await world.runs.listAlarms(ADMIN, { includeCleared: false });
    expect(alarm).toMatchObject({ kind: 'late', count: 6 });
    expect(await raiseOccurrenceAlarms(world.database)).toEqual([]);
    await world.startWorker();
    await untilSettled('digest');
    await eventually(async () => (await openAlarms()).length === 0);
  });

  it('raises an alarm for what failed and was missed, until the task succeeds again', async () => {
    let isBroken = true;
    await open({
      task: makeTask('digest', {
        schedule: HOURLY,
        attempts: 1,
        notify: { on: ['failed'], to: ['oncall'] },
      }),
      run: async () =>
        isBroken ? { kind: 'failed', reason: 'no data', retry: 'final' } : SUCCEEDED,
    });
    await world.apply();
    await world.backdate(DOWN_MS);
    await world.startSupervisor();
    await world.startWorker();
    await untilSettled('digest');
    await eventually(async () => (await openAlarms()).includes('digest failed'));
    const alarms = await world.runs.listAlarms(ADMIN, { includeCleared: false });
    const byKind = new Map(alarms.map((alarm) => [alarm.kind, alarm]));
    expect(byKind.get('missed')).toMatchObject({ count: 5, notify: [] });
    expect(byKind.get('failed')).toMatchObject({ count: 1, notify: ['oncall'] });
    expect(byKind.get('failed')?.message).toContain('no data');
    isBroken = false;
    await world.database.execute(
      `UPDATE occurrences SET state = 'ran', closed_at = now() WHERE state = 'failed'`,
    );
    expect((await clearRecoveredAlarms(world.database)).map(({ kind }) => kind).sort()).toEqual([
      'failed',
      'missed',
    ]);
  });

  it('starts what comes after a task when that succeeded, for the same instant', async () => {
    const seen: string[] = [];
    let failsAt = -1;
    const instants = missedInstants();
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
    await world.backdate(DOWN_MS);
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

  it('pauses a task whose run killed its workers, and says so', async () => {
    await open({ task: makeTask('poison', { schedule: YEARLY }), run: async () => SUCCEEDED });
    await world.apply();
    const runId = await world.start('poison');
    await world.database.execute(
      `UPDATE task_runs SET state = 'running', attempts = 2, crashes = 1, worker = 'dead' WHERE id = $1`,
      [runId],
    );
    await world.startWorker();
    expect(await world.untilState(runId, 'failed')).toMatchObject({ error: { class: 'crash' } });
    expect(await world.runs.getTask(ADMIN, 'poison')).toMatchObject({
      pause: { by: 'runner', reason: expect.stringContaining(runId) },
      alarms: [{ kind: 'crash_loop' }],
    });
    await world.runs.resumeTask(ADMIN, 'poison');
    await world.startSupervisor();
    await eventually(async () => (await openAlarms()).length === 0);
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
    const instants = missedInstants();
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

  it('only reports drift where the registry says so', async () => {
    await open({ task: makeTask('yearly', { schedule: YEARLY }), run: async () => SUCCEEDED });
    const { ledger, queue, catalog } = world;
    const declared = { ...declareRegistry(catalog), reconcile: 'warn' as const };
    await applyRegistry({ ledger, queue }, declared, 'test');
    const supervisor = await world.startSupervisor();
    const edited = { queueName: 'yearly', schedulerId: 'yearly', jobName: 'yearly', data: {} };
    await queue.upsertScheduler({ ...edited, cron: '0 0 2 1 *', timezone: 'UTC', attempts: 3 });
    supervisor.reconcileSoon();
    const [alarm] = await eventually(async () => {
      const found = await world.runs.listAlarms(ADMIN, { includeCleared: false });
      return found.length > 0 ? found : null;
    });
    expect(alarm).toMatchObject({ taskId: null, kind: 'schedule_drift' });
    expect(alarm?.message).toContain('cron is 0 0 2 1 * instead of 0 0 1 1 *');
    expect(await queue.listSchedulers('yearly')).toMatchObject([{ cron: '0 0 2 1 *' }]);
    await world.apply();
    expect(await queue.listSchedulers('yearly')).toMatchObject([{ cron: YEARLY.cron }]);
    supervisor.reconcileSoon();
    await eventually(async () => (await openAlarms()).length === 0);
  });

  it('says of a task that starts more rarely than its schedule, with wait and run time apart', async () => {
    await open({ task: makeTask('slow', { schedule: YEARLY }), run: async () => SUCCEEDED });
    await world.apply();
    await world.database.execute(
      `UPDATE task_declarations SET valid_from = now() - interval '1 day'`,
    );
    // Due every five minutes, started every fifteen, twelve minutes each.
    await world.database.execute(`
      WITH slot AS (
        SELECT n, date_trunc('minute', now()) - interval '3 hours' + n * interval '5 minutes' AS at
        FROM generate_series(0, 30) AS n),
      run AS (
        INSERT INTO task_runs (id, task_id, occurrence_at, trigger, actor, scheduled_for, inputs,
          inputs_hash, dry_run, state, started_at, finished_at)
        SELECT 'run_' || n, 'slow', at, 'schedule', 'scheduler', at, '{}', '', false, 'succeeded',
          at + interval '2 seconds', at + interval '12 minutes' FROM slot WHERE n % 3 = 0)
      INSERT INTO occurrences (task_id, scheduled_for, state, reason, run_id, closed_at)
      SELECT 'slow', at, CASE WHEN n % 3 = 0 THEN 'ran' ELSE 'skipped' END,
        CASE WHEN n % 3 = 0 THEN NULL ELSE 'overlap' END,
        CASE WHEN n % 3 = 0 THEN 'run_' || n END, at FROM slot`);
    const { raised } = await watchCadence(world.database);
    expect(raised).toMatchObject([{ taskId: 'slow', kind: 'slow' }]);
    expect(raised[0]?.message).toBe(
      'starts every 900 s instead of every 300 s (median of 11 starts; waits 2 s, runs 718 s)',
    );
    expect(await watchCadence(world.database)).toEqual({ raised: [], cleared: [] });
    expect((await world.runs.getTask(ADMIN, 'slow')).cadence).toMatchObject({
      configuredMs: 300_000,
      observedMs: 900_000,
    });
    await world.database.execute(`DELETE FROM occurrences WHERE state = 'skipped'`);
    expect(await watchCadence(world.database)).toMatchObject({ cleared: [{ kind: 'slow' }] });
  });
});
