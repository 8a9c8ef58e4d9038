import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import type { JobOutcome } from '#job-kit/job';
import { applySchedules } from '#runner/apply-schedules';
import { acquireLease } from '#runner/ledger/leases';
import { recoverRuns } from '#runner/recover-runs';
import {
  ADMIN,
  eventually,
  makeTask,
  openRunnerWorld,
  type RunnerWorld,
  SUCCEEDED,
  type TestTask,
} from '../support/runner-world.ts';

const quick = (id: string): TestTask => ({
  task: makeTask(id),
  run: async () => ({ kind: 'succeeded', summary: { done: true } }),
});

/** A job that waits for its signal and then throws, as a well-behaved one does. */
const waiting = (id: string, over = {}): TestTask => ({
  task: makeTask(id, over),
  run: ({ signal }) =>
    new Promise<JobOutcome>((_resolve, reject) => {
      if (signal.aborted) reject(new Error('aborted'));
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    }),
});

describe.each(['redis', 'postgres'] as const)('the runner on %s', (backend) => {
  let world: RunnerWorld | undefined;
  const open = async (...tasks: readonly TestTask[]): Promise<RunnerWorld> => {
    world = await openRunnerWorld(backend, tasks);
    return world;
  };
  afterEach(async () => {
    await world?.close();
    world = undefined;
  });

  it('runs what was started and records every change of state', async () => {
    const { start, startWorker, untilState, runs } = await open(quick('sample'));
    await startWorker();
    const runId = await start('sample', { inputs: { n: 7 } });
    const run = await untilState(runId, 'succeeded');
    expect(run).toMatchObject({
      taskId: 'sample',
      trigger: 'gateway',
      actor: 'test:admin',
      inputs: { n: 7 },
      attempts: 1,
      crashes: 0,
      result: { done: true },
      error: null,
      effects: null,
    });
    expect(run.durationMs).toBeGreaterThanOrEqual(0);
    const events = await runs.events(ADMIN, runId);
    expect(events.map(({ state }) => state)).toEqual(['queued', 'running', 'succeeded']);
  });

  it('tries a retryable failure again and counts every start', async () => {
    let starts = 0;
    const { start, startWorker, untilState, runs } = await open({
      task: makeTask('shaky'),
      run: async () => {
        starts += 1;
        if (starts < 3) throw new Error(`no luck ${starts}`);
        return SUCCEEDED;
      },
    });
    await startWorker();
    const runId = await start('shaky');
    expect(await untilState(runId, 'succeeded')).toMatchObject({ attempts: 3, crashes: 0 });
    const events = await runs.events(ADMIN, runId);
    expect(events.map(({ state, attempt }) => `${state} ${attempt}`)).toEqual([
      'queued 0',
      'running 1',
      'queued 1',
      'running 2',
      'queued 2',
      'running 3',
      'succeeded 3',
    ]);
  });

  it.each([
    ['a final failure', { kind: 'failed', reason: 'no such service', retry: 'final' } as const, 1],
    ['the last attempt', { kind: 'failed', reason: 'still away', retry: 'retryable' } as const, 3],
  ])('ends a run as failed after %s', async (_name, outcome, attempts) => {
    const { start, startWorker, untilState } = await open({
      task: makeTask('failing'),
      run: async () => outcome,
    });
    await startWorker();
    expect(await untilState(await start('failing'), 'failed')).toMatchObject({
      attempts,
      error: { class: 'failed', message: outcome.reason },
    });
  });

  it('ends a run at its timeout, without another attempt', async () => {
    const { start, startWorker, untilState } = await open(waiting('slow', { timeoutMs: 300 }));
    await startWorker();
    expect(await untilState(await start('slow'), 'timed_out')).toMatchObject({
      attempts: 1,
      error: { class: 'timeout' },
    });
  });

  it('cancels a running run from another process, and a queued one on the spot', async () => {
    const { start, startWorker, untilState, runs } = await open(waiting('slow'));
    const queued = await start('slow');
    expect(await runs.cancel(ADMIN, queued, 'changed my mind')).toMatchObject({
      state: 'cancelled',
      cancelRequestedBy: 'test:admin',
    });
    await startWorker();
    const running = await start('slow');
    await untilState(running, 'running');
    await runs.cancel(ADMIN, running, 'wrong day');
    expect(await untilState(running, 'cancelled')).toMatchObject({
      attempts: 1,
      error: { class: 'cancelled', message: 'wrong day' },
    });
    await expect(runs.cancel(ADMIN, running, '')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('refuses a second start while one runs and names it', async () => {
    const { start, startWorker, untilState } = await open(waiting('slow'));
    await startWorker();
    const first = await start('slow');
    await expect(start('slow')).rejects.toMatchObject({
      code: 'overlap',
      details: { active_run_id: first },
    });
    await untilState(first, 'running');
    await expect(start('slow')).rejects.toMatchObject({ code: 'overlap' });
  });

  it('takes exactly one of many simultaneous starts of a task that may not overlap', async () => {
    const { start } = await open(quick('sample'));
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => start('sample')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'overlap' });
  });

  it('runs queued starts of an overlap: queue task one after the other', async () => {
    let active = 0;
    let most = 0;
    const { start, startWorker, untilState } = await open({
      task: makeTask('serial', { overlap: 'queue' }),
      run: async ({ clock }) => {
        active += 1;
        most = Math.max(most, active);
        await clock.sleep(30);
        active -= 1;
        return SUCCEEDED;
      },
    });
    await startWorker();
    await startWorker();
    const ids = await Promise.all(Array.from({ length: 5 }, () => start('serial')));
    for (const id of ids) await untilState(id, 'succeeded');
    expect(most).toBe(1);
  });

  it('answers the same run for the same Idempotency-Key, and 409 for other inputs', async () => {
    const { runs, startWorker, untilState } = await open(quick('sample'));
    await startWorker();
    const request = {
      taskId: 'sample',
      inputs: { n: 1 },
      dryRun: false,
      force: false,
      trigger: 'gateway',
      actor: ADMIN,
      idempotencyKey: 'k-1',
    } as const;
    const first = await runs.start(request);
    const second = await runs.start(request);
    expect(second).toMatchObject({ runId: first.runId, repeated: true });
    await untilState(first.runId, 'succeeded');
    expect(await runs.start(request)).toMatchObject({ runId: first.runId, status: 'succeeded' });
    await expect(runs.start({ ...request, inputs: { n: 2 } })).rejects.toMatchObject({
      code: 'idempotency_conflict',
      details: { run_id: first.runId },
    });
  });

  it('lists every violation of a bad start by path', async () => {
    const { start } = await open(quick('sample'));
    const refusal = await start('sample', {
      inputs: { n: -1, m: 'x\0', 'bad\0key': 1 },
      scheduledFor: 'yesterday',
      idempotencyKey: '',
    }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AppError);
    const paths = (refusal as AppError).violations.map(({ path }) => path);
    expect(new Set(paths)).toEqual(
      new Set([
        '$.inputs.n',
        '$.inputs.m',
        '$.inputs',
        '$.inputs.bad\0key',
        '$.scheduled_for',
        'Idempotency-Key',
      ]),
    );
    await expect(start('sampel')).rejects.toMatchObject({
      code: 'not_found',
      details: { did_you_mean: ['sample'] },
    });
  });

  it('names the entitlement that is missing', async () => {
    const { start } = await open(quick('sample'));
    const actor = { id: 'key:1', entitlements: new Set(['tools.jobs.read']), isAdmin: false };
    await expect(start('sample', { actor })).rejects.toMatchObject({
      code: 'forbidden',
      details: { missing_entitlements: ['tools.jobs.start'] },
    });
  });

  it('asks for a dry-run of the same inputs before a destructive start', async () => {
    const { start, startWorker, untilState } = await open({
      task: makeTask('sweep', { destructive: true }),
      run: async () => SUCCEEDED,
    });
    await startWorker();
    await expect(start('sweep')).rejects.toMatchObject({ code: 'conflict' });
    const dryRunId = await start('sweep', { dryRun: true });
    expect(await untilState(dryRunId, 'succeeded')).toMatchObject({ effects: [], dryRun: true });
    await expect(start('sweep', { dryRunId, inputs: { n: 9 } })).rejects.toMatchObject({
      code: 'conflict',
    });
    await untilState(await start('sweep', { dryRunId }), 'succeeded');
    await untilState(await start('sweep', { force: true }), 'succeeded');
    await expect(
      start('sweep', { force: true, actor: { ...ADMIN, isAdmin: false } }),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('reports what would fail as the result of a dry-run, without another attempt', async () => {
    const { start, startWorker, untilState } = await open({
      task: makeTask('doomed'),
      run: () => Promise.reject(new AppError('unavailable', 'the disk is full')),
    });
    await startWorker();
    expect(await untilState(await start('doomed', { dryRun: true }), 'succeeded')).toMatchObject({
      wouldFail: 'the disk is full',
      error: null,
      attempts: 1,
    });
  });

  it('puts active runs back at shutdown without spending an attempt', async () => {
    let shutDown = false;
    const { start, startWorker, untilState } = await open({
      task: makeTask('long'),
      run: ({ signal }) =>
        shutDown
          ? Promise.resolve(SUCCEEDED)
          : new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
            }),
    });
    const worker = await startWorker({ shutdownGraceMs: 200 });
    const runId = await start('long');
    await untilState(runId, 'running');
    await worker.stop();
    expect(await untilState(runId, 'queued')).toMatchObject({ attempts: 0, crashes: 0 });
    shutDown = true;
    await startWorker();
    expect(await untilState(runId, 'succeeded')).toMatchObject({ attempts: 1, crashes: 0 });
  });

  it('adds, changes and removes schedulers until they are what the registry says', async () => {
    const schedule = { cron: '0 9 * * *', timezone: 'UTC' };
    const { database, queue, catalog } = await open({
      task: makeTask('daily', { schedule }),
      run: async () => SUCCEEDED,
    });
    const unchanged = { added: [], changed: [], removed: [] };
    const apply = () => applySchedules(database, queue, catalog);
    // Two hosts at once: one adds, the other finds it done.
    const both = await Promise.all([apply(), apply()]);
    expect(both.flatMap(({ added }) => added)).toEqual(['daily']);
    expect(await apply()).toEqual(unchanged);
    const byHand = { queueName: 'daily', jobName: 'daily', timezone: 'UTC', data: {}, attempts: 1 };
    await queue.upsertScheduler({ ...byHand, schedulerId: 'daily', cron: '0 10 * * *' });
    await queue.upsertScheduler({ ...byHand, schedulerId: 'ghost', cron: '0 10 * * *' });
    expect(await apply()).toEqual({ added: [], changed: ['daily'], removed: ['ghost'] });
    expect(await queue.listSchedulers('daily')).toMatchObject([
      { schedulerId: 'daily', ...schedule },
    ]);
  });

  it('makes a run of a valid job that was put into the queue, and refuses others without a retry', async () => {
    const { startWorker, queue, database, untilState } = await open(quick('sample'));
    await startWorker();
    const add = (jobId: string, name: string, data: Record<string, unknown>) =>
      queue.enqueue({ queueName: 'sample', jobId, name, data: data as never, attempts: 3 });
    await add('foreign-good', 'sample', { n: 3 });
    const row = await eventually(async () => {
      const [found] = await database.query<{ id: string }>(
        `SELECT id FROM task_runs WHERE queue_job_id = 'foreign-good'`,
      );
      return found;
    });
    expect(await untilState(row.id, 'succeeded')).toMatchObject({
      trigger: 'board',
      inputs: { n: 3 },
    });
    await add('foreign-name', 'nonsense', {});
    await add('foreign-data', 'sample', { n: 'many' });
    for (const jobId of ['foreign-name', 'foreign-data'])
      await eventually(
        async () => (await queue.findState({ queueName: 'sample', jobId })) === 'failed',
      );
    const [{ count } = { count: -1 }] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM task_runs WHERE queue_job_id IN ('foreign-name', 'foreign-data')`,
    );
    expect(count).toBe(0);
  });

  it('enqueues a queued row again whose queue job is gone', async () => {
    const { start, startWorker, untilState, queue, database, catalog } = await open(
      quick('sample'),
    );
    const runId = await start('sample');
    await queue.remove({ queueName: 'sample', jobId: runId });
    await database.execute(
      `UPDATE task_runs SET queued_at = now() - interval '11 seconds' WHERE id = $1`,
      [runId],
    );
    expect(await recoverRuns(database, queue, catalog, new Date())).toEqual({
      requeued: [runId],
      crashed: [],
    });
    await startWorker();
    await untilState(runId, 'succeeded');
  });

  it('ends a run of a process that is gone and had no queue job', async () => {
    const { start, database, queue, catalog, untilState } = await open(quick('sample'));
    const runId = await start('sample');
    await acquireLease(database, { scope: 'task:sample', runId, holder: 'dead' });
    await database.execute(
      `UPDATE task_runs SET state = 'running', attempts = 1, queue_name = NULL, queue_job_id = NULL,
         lease_scope = 'task:sample', lease_token = (SELECT token FROM task_leases) WHERE id = $1`,
      [runId],
    );
    expect(await recoverRuns(database, queue, catalog, new Date())).toEqual({
      requeued: [],
      crashed: [],
    });
    await database.execute(`UPDATE task_leases SET expires_at = now() - interval '21 seconds'`);
    expect(await recoverRuns(database, queue, catalog, new Date())).toMatchObject({
      crashed: [runId],
    });
    expect(await untilState(runId, 'failed')).toMatchObject({
      error: { class: 'crash' },
      crashes: 1,
    });
  });

  it('ends a run whose workers died under it as often as the task allows', async () => {
    const { start, startWorker, database, untilState } = await open({
      task: makeTask('poison', { maxCrashes: 2, attempts: 5 }),
      run: async () => SUCCEEDED,
    });
    const runId = await start('poison');
    await database.execute(
      `UPDATE task_runs SET state = 'running', attempts = 2, crashes = 1, worker = 'dead' WHERE id = $1`,
      [runId],
    );
    await startWorker();
    expect(await untilState(runId, 'failed')).toMatchObject({
      error: { class: 'crash' },
      crashes: 2,
    });
  });

  it('voids what a worker did whose lease another one took', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { start, startWorker, database, untilState, runs } = await open({
      task: makeTask('fenced'),
      run: async () => {
        await released;
        return SUCCEEDED;
      },
    });
    await startWorker();
    const runId = await start('fenced');
    await untilState(runId, 'running');
    await database.execute(
      `UPDATE task_leases SET token = nextval('task_lease_tokens'), holder = 'other' WHERE scope = 'task:fenced'`,
    );
    await database.execute(
      `UPDATE task_runs SET lease_token = (SELECT token FROM task_leases) WHERE id = $1`,
      [runId],
    );
    release();
    await eventually(async () => (await runs.readLog(ADMIN, runId, 0)).length === 0);
    expect(await untilState(runId, 'running')).toMatchObject({ state: 'running' });
  });

  it('skips a scheduled slot of a paused task, refuses starts, and goes on after resume', async () => {
    const { start, startWorker, untilState, runs } = await open(quick('sample'));
    await startWorker();
    await runs.pauseTask(ADMIN, 'sample', 'maintenance');
    await expect(start('sample')).rejects.toMatchObject({
      code: 'conflict',
      message: 'task sample is paused by test:admin: maintenance',
    });
    await untilState(await start('sample', { dryRun: true }), 'succeeded');
    await runs.resumeTask(ADMIN, 'sample');
    await untilState(await start('sample'), 'succeeded');
  });

  it('retries an ended run as a further run that is linked to it', async () => {
    let fails = true;
    const { start, startWorker, untilState, runs } = await open({
      task: makeTask('fixable'),
      run: async () => (fails ? { kind: 'failed', reason: 'broken', retry: 'final' } : SUCCEEDED),
    });
    await startWorker();
    const failed = await start('fixable', { inputs: { n: 4 } });
    const before = await untilState(failed, 'failed');
    fails = false;
    const { runId } = await runs.retry(ADMIN, failed, 'retry');
    expect(await untilState(runId, 'succeeded')).toMatchObject({
      retryOf: failed,
      trigger: 'retry',
      inputs: { n: 4 },
      scheduledFor: before.scheduledFor,
    });
    await expect(runs.retry(ADMIN, runId, 'retry')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('keeps log and progress of a run', async () => {
    const { start, startWorker, untilState, runs } = await open({
      task: makeTask('chatty'),
      run: async ({ log, progress }) => {
        progress({ done: 1, total: 2, message: 'half' });
        log.info('one\nline', { n: 1 });
        log.warn('two\0');
        return SUCCEEDED;
      },
    });
    await startWorker();
    const runId = await start('chatty');
    const run = await untilState(runId, 'succeeded');
    expect(run.progress).toEqual({ done: 1, total: 2, message: 'half' });
    const lines = await runs.readLog(ADMIN, runId, 0);
    expect(lines.map(({ level, line }) => `${level} ${line}`)).toEqual([
      'info one ⏎ line {"n":1}',
      'warn two\uFFFD',
    ]);
    expect(await runs.readLog(ADMIN, runId, lines[0]?.seq ?? 0)).toHaveLength(1);
  });
});
