import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { isRunId, type RunId } from '#core/ids';
import { nextOccurrence } from '#occurrences/occurrence-times';
import type { QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { acceptRun } from './accept-run.ts';
import { cancelRun } from './cancel-run.ts';
import { checkStart, getEntry } from './check-start.ts';
import { isEntitled, requireEntitlements, visibleTasks } from './entitlements.ts';
import { findCadence } from './ledger/cadence.ts';
import { forgetStart } from './ledger/idempotency.ts';
import type { OccurrenceLedger } from './ledger/occurrence-ledger.ts';
import { findRun, listLastRuns, listRunEvents, listRuns } from './ledger/run-ledger.ts';
import { readLogLines } from './ledger/run-log.ts';
import { listAlarms } from './ledger/task-alarms.ts';
import { findPause, listPauses, pauseTask, resumeTask } from './ledger/task-pauses.ts';
import { toQueueData } from './queue-data.ts';
import { type Actor, isFinal, type Run } from './run.ts';
import type { Runs, StartedRun, StartRequest, TaskDetail, TaskPause, TaskStatus } from './runs.ts';
import { createScheduleRequests } from './schedule-requests.ts';
import type { CatalogEntry, TaskCatalog } from './task-catalog.ts';

export interface RunsOptions {
  readonly catalog: TaskCatalog;
  readonly database: Database;
  readonly occurrences: OccurrenceLedger;
  readonly queue: QueueEngine;
  readonly clock: Clock;
}

const PAUSE_ENTITLEMENT = 'tools.jobs.pause';
const CANCEL_ENTITLEMENT = 'tools.jobs.cancel';

/** The runner's front: everything that can be asked of it on request. */
export const createRuns = (options: RunsOptions): Runs => {
  const { catalog, database, queue, clock } = options;
  const getVisible = async (actor: Actor, runId: string): Promise<Run> => {
    const unknown = () =>
      new AppError(
        'not_found',
        'there is no run of that id; ids look like run_01J8Z6Q4T0V5W9X2Y3A7B8C9D0',
      );
    if (!isRunId(runId)) throw unknown();
    const run = await findRun(database, runId);
    if (run === null) throw unknown();
    const needed = catalog.get(run.taskId)?.task.permissions.read ?? ['tools.jobs.read'];
    requireEntitlements(actor, needed, 'reading this run');
    return run;
  };

  const enqueue = async (run: Run, entry: CatalogEntry): Promise<void> => {
    try {
      await queue.enqueue({
        queueName: entry.queueName,
        jobId: run.id,
        name: entry.task.id,
        data: toQueueData(run),
        attempts: entry.task.attempts,
      });
    } catch (error) {
      // The caller is told that nothing was started, so nothing may start later.
      await cancelRun(database, {
        runId: run.id,
        by: 'runner',
        reason: 'the queue did not take the run',
        errorClass: 'unavailable',
      });
      await forgetStart(database, run.id);
      throw error;
    }
  };

  const startChecked = async (
    request: StartRequest,
    retryOf: RunId | null,
  ): Promise<StartedRun> => {
    const now = clock.now();
    const start = checkStart(catalog, request, now);
    const accepted = await acceptRun(database, request, start, { now, retryOf, queueJob: 'own' });
    if (!accepted.repeated) await enqueue(accepted.run, start.entry);
    return {
      runId: accepted.run.id,
      taskId: accepted.run.taskId,
      status: accepted.run.state,
      dryRun: accepted.run.dryRun,
      repeated: accepted.repeated,
    };
  };

  const toStatus = (
    { task, job, expects }: CatalogEntry,
    pause: TaskPause | null,
    lastRun: Run | null,
  ): TaskStatus => ({
    task,
    reads: job.reads,
    pause,
    nextAt: expects === null || !task.enabled ? null : nextOccurrence(expects, clock.now()),
    lastRun,
  });

  const detailOf = async (entry: CatalogEntry): Promise<TaskDetail> => {
    const { id } = entry.task;
    const [pause, [lastRun], cadence, alarms] = await Promise.all([
      findPause(database, id),
      listRuns(database, { taskId: id, limit: 1 }, null),
      findCadence(database, id),
      listAlarms(database, { tasks: [id], includeCleared: false, limit: 20 }),
    ]);
    return {
      ...toStatus(entry, pause, lastRun ?? null),
      cadence,
      alarms: alarms.filter(({ taskId }) => taskId === id),
    };
  };

  return {
    start: (request) => startChecked(request, null),

    get: getVisible,

    async events(actor, runId) {
      const run = await getVisible(actor, runId);
      return listRunEvents(database, run.id);
    },

    async list(actor, filter) {
      if (filter.taskId !== undefined) {
        const { task } = getEntry(catalog, filter.taskId);
        requireEntitlements(actor, task.permissions.read, `reading runs of ${task.id}`);
      }
      return listRuns(database, filter, visibleTasks(catalog, actor));
    },

    async cancel(actor, runId, reason) {
      const run = await getVisible(actor, runId);
      requireEntitlements(actor, [CANCEL_ENTITLEMENT], 'cancelling a run');
      const cancelled = await cancelRun(database, {
        runId: run.id,
        by: actor.id,
        reason: reason === '' ? `cancelled by ${actor.id}` : reason,
        errorClass: 'cancelled',
      });
      if (isFinal(cancelled.state) && run.queueName !== null && run.queueJobId !== null) {
        // Left behind, the job would find its run ended; removing it keeps the board tidy.
        await queue
          .remove({ queueName: run.queueName, jobId: run.queueJobId })
          .catch(() => undefined);
      }
      return cancelled;
    },

    async retry(actor, runId, trigger) {
      const run = await getVisible(actor, runId);
      if (!isFinal(run.state))
        throw new AppError('conflict', `the run is still ${run.state}`, {
          details: { active_run_id: run.id },
        });
      if (run.state === 'succeeded')
        throw new AppError('conflict', 'the run succeeded; start a new one instead');
      return startChecked(
        {
          taskId: run.taskId,
          inputs: run.inputs,
          dryRun: run.dryRun,
          scheduledFor: run.scheduledFor.toISOString(),
          force: false,
          trigger,
          actor,
        },
        run.id,
      );
    },

    async listTasks(actor) {
      const [pauses, lastRuns] = await Promise.all([listPauses(database), listLastRuns(database)]);
      return [...catalog.values()]
        .filter(({ task }) => task.permissions.read.every((needed) => isEntitled(actor, needed)))
        .map((entry) =>
          toStatus(entry, pauses.get(entry.task.id) ?? null, lastRuns.get(entry.task.id) ?? null),
        );
    },

    async getTask(actor, taskId) {
      const entry = getEntry(catalog, taskId);
      requireEntitlements(actor, entry.task.permissions.read, `reading ${entry.task.id}`);
      return detailOf(entry);
    },

    async pauseTask(actor, taskId, reason) {
      const entry = getEntry(catalog, taskId);
      requireEntitlements(actor, [PAUSE_ENTITLEMENT], `pausing ${entry.task.id}`);
      if (reason.trim() === '')
        throw new AppError('invalid_input', 'a pause needs a reason', {
          violations: [{ path: '$.reason', message: 'is required' }],
        });
      await pauseTask(database, entry.task.id, actor.id, reason);
      return detailOf(entry);
    },

    async resumeTask(actor, taskId) {
      const entry = getEntry(catalog, taskId);
      requireEntitlements(actor, [PAUSE_ENTITLEMENT], `resuming ${entry.task.id}`);
      await resumeTask(database, entry.task.id, actor.id);
      return detailOf(entry);
    },

    ...createScheduleRequests(options),

    async readLog(actor, runId, afterSeq) {
      const run = await getVisible(actor, runId);
      return readLogLines(database, run.id, afterSeq);
    },
  };
};
