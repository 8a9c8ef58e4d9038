import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import type { JobOutcome } from '#job-kit/job';
import {
  ADMIN,
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
