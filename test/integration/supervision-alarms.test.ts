import { afterEach, describe, expect, it } from 'vitest';
import { clearRecoveredAlarms, raiseOccurrenceAlarms } from '#runner/ledger/task-alarms';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { watchCadence } from '#runner/supervise/watch-cadence';
import { HOURLY, SIX_HOURS_MS } from '../support/hourly-downtime.ts';
import {
  ADMIN,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
  type TestTask,
} from '../support/runner-world.ts';

const YEARLY = { cron: '0 0 1 1 *', timezone: 'UTC' };

describe.each(['redis', 'postgres'] as const)('alarms on %s', (backend) => {
  let world: RunnerWorld;
  const open = async (...tasks: readonly TestTask[]): Promise<void> => {
    world = await openRunnerWorld(backend, tasks);
  };
  afterEach(async () => {
    expect(world.unexpected).toEqual([]);
    await world.close();
  });

  const untilSettled = (taskId: string) =>
    eventually(async () => {
      const found = await world.runs.listOccurrences(ADMIN, { taskId, limit: 1_000 });
      return found.length > 0 && found.every(({ state }) => state !== 'open');
    });

  const openAlarms = async () =>
    (await world.runs.listAlarms(ADMIN, { includeCleared: false })).map(
      ({ taskId, kind }) => `${taskId} ${kind}`,
    );

  it('raises one alarm for what has not started in time, and clears it when it starts', async () => {
    await open({
      task: makeTask('digest', { schedule: HOURLY, catchUp: 'all' }),
      run: async () => SUCCEEDED,
    });
    await world.apply();
    await world.backdate(SIX_HOURS_MS);
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
    await world.backdate(SIX_HOURS_MS);
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
