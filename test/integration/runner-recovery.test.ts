import { afterEach, describe, expect, it } from 'vitest';
import { acquireLease } from '#runner/ledger/leases';
import { recoverRuns } from '#runner/recover-runs';
import { createTaskCatalog } from '#runner/task-catalog';
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

/** A registry that has no tasks any more. */
const catalogWithout = () =>
  createTaskCatalog(
    { file: 'test', tasks: new Map(), blackouts: new Map(), reconcile: 'enforce' },
    new Map(),
  );

describe.each(['redis', 'postgres'] as const)(
  'the runner on %s, when something is gone or wrong',
  (backend) => {
    let world: RunnerWorld | undefined;
    const open = async (...tasks: readonly TestTask[]): Promise<RunnerWorld> => {
      world = await openRunnerWorld(backend, tasks);
      return world;
    };
    afterEach(async () => {
      await world?.close();
      world = undefined;
    });

    it('puts active runs back at shutdown without spending an attempt', async () => {
      let shutDown = false;
      const { start, startWorker, untilState } = await open({
        task: makeTask('long'),
        run: ({ signal }) =>
          shutDown
            ? Promise.resolve(SUCCEEDED)
            : new Promise((_resolve, reject) => {
                signal.addEventListener('abort', () => reject(new Error('aborted')), {
                  once: true,
                });
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
      expect(await recoverRuns(database, queue, catalog)).toEqual({
        requeued: [runId],
        crashed: [],
        removed: [],
      });
      await startWorker();
      await untilState(runId, 'succeeded');
    });

    it('moves a queued run out of a queue that its task has left', async () => {
      const { start, startWorker, untilState, queue, database, catalog, apply } = await open(
        quick('sample'),
      );
      await apply();
      const runId = await start('sample');
      const left = { queueName: 'left-behind', jobId: runId };
      await queue.remove({ queueName: 'sample', jobId: runId });
      await queue.enqueue({ ...left, name: 'sample', data: { run_id: runId }, attempts: 1 });
      await database.execute(
        `UPDATE task_runs SET queued_at = now() - interval '11 seconds', queue_name = 'left-behind'`,
      );
      expect(await recoverRuns(database, queue, catalog)).toMatchObject({ requeued: [runId] });
      expect(await queue.findState(left)).toBeNull();
      await startWorker();
      await untilState(runId, 'succeeded');
    });

    it('ends a run whose worker died and whose task left the registry for good', async () => {
      const { start, untilState, queue, database, apply } = await open(quick('sample'));
      await apply();
      const runId = await start('sample');
      await database.execute(
        `UPDATE task_runs SET state = 'running', attempts = 1, worker = 'dead'`,
      );
      await database.execute(
        `UPDATE task_declarations SET valid_from = now() - interval '1 hour', valid_to = now() - interval '11 minutes'`,
      );
      expect(await recoverRuns(database, queue, catalogWithout())).toMatchObject({
        crashed: [runId],
      });
      expect(await untilState(runId, 'failed')).toMatchObject({ error: { class: 'crash' } });
    });

    it('ends a queued run whose task left the registry for good', async () => {
      const { start, untilState, queue, database, apply } = await open(quick('sample'));
      await apply();
      const runId = await start('sample');
      const nothing = catalogWithout();
      await database.execute(`UPDATE task_declarations SET valid_to = now()`);
      await database.execute(`UPDATE task_runs SET queued_at = now() - interval '11 minutes'`);
      expect(await recoverRuns(database, queue, nothing)).toMatchObject({ removed: [] });
      await database.execute(
        `UPDATE task_declarations SET valid_from = now() - interval '1 hour', valid_to = now() - interval '11 minutes'`,
      );
      expect(await recoverRuns(database, queue, nothing)).toMatchObject({ removed: [runId] });
      expect(await untilState(runId, 'cancelled')).toMatchObject({ error: { class: 'removed' } });
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
      expect(await recoverRuns(database, queue, catalog)).toEqual({
        requeued: [],
        crashed: [],
        removed: [],
      });
      await database.execute(`UPDATE task_leases SET expires_at = now() - interval '21 seconds'`);
      expect(await recoverRuns(database, queue, catalog)).toMatchObject({
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
  },
);
