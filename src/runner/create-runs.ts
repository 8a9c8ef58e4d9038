import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { isRunId, type RunId } from '#core/ids';
import { nextOccurrence } from '#occurrences/occurrence-times';
import type { QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { acceptRun } from './accept-run.ts';
import { cancelRun } from './cancel-run.ts';
import { checkStart, getEntry } from './check-start.ts';
import { isEntitled, requireEntitlements } from './entitlements.ts';
import { forgetStart } from './ledger/idempotency.ts';
import { findRun, listLastRuns, listRunEvents, listRuns } from './ledger/run-ledger.ts';
import { readLogLines } from './ledger/run-log.ts';
import { listPauses, pauseTask, resumeTask } from './ledger/task-pauses.ts';
import { toQueueData } from './queue-data.ts';
import { type Actor, isFinal, type Run } from './run.ts';
import type { Runs, StartedRun, StartRequest, TaskPause, TaskStatus } from './runs.ts';
import type { CatalogEntry, TaskCatalog } from './task-catalog.ts';

export interface RunsOptions {
  readonly catalog: TaskCatalog;
  readonly database: Database;
  readonly queue: Pick<QueueEngine, 'enqueue' | 'remove'>;
  readonly clock: Clock;
}

const PAUSE_ENTITLEMENT = 'tools.jobs.pause';
const CANCEL_ENTITLEMENT = 'tools.jobs.cancel';

/** The runner's front: everything that can be asked of it on request. */
export const createRuns = ({ catalog, database, queue, clock }: RunsOptions): Runs => {
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
    { task, job }: CatalogEntry,
    pause: TaskPause | null,
    lastRun: Run | null,
  ): TaskStatus => ({
    task,
    reads: job.reads,
    pause,
    nextAt:
      task.schedule === null || !task.enabled ? null : nextOccurrence(task.schedule, clock.now()),
    lastRun,
  });

  const statusOf = async (entry: CatalogEntry): Promise<TaskStatus> => {
    const pauses = await listPauses(database);
    const [lastRun] = await listRuns(database, { taskId: entry.task.id, limit: 1 }, null);
    return toStatus(entry, pauses.get(entry.task.id) ?? null, lastRun ?? null);
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
      const hidden = [...catalog.values()].filter(
        ({ task }) => !task.permissions.read.every((needed) => isEntitled(actor, needed)),
      );
      const visible =
        hidden.length === 0
          ? null
          : [...catalog.values()]
              .filter((entry) => !hidden.includes(entry))
              .map(({ task }) => task.id);
      return listRuns(database, filter, visible);
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
      return statusOf(entry);
    },

    async pauseTask(actor, taskId, reason) {
      const entry = getEntry(catalog, taskId);
      requireEntitlements(actor, [PAUSE_ENTITLEMENT], `pausing ${entry.task.id}`);
      if (reason.trim() === '')
        throw new AppError('invalid_input', 'a pause needs a reason', {
          violations: [{ path: '$.reason', message: 'is required' }],
        });
      await pauseTask(database, entry.task.id, actor.id, reason);
      return statusOf(entry);
    },

    async resumeTask(actor, taskId) {
      const entry = getEntry(catalog, taskId);
      requireEntitlements(actor, [PAUSE_ENTITLEMENT], `resuming ${entry.task.id}`);
      await resumeTask(database, entry.task.id);
      return statusOf(entry);
    },

    async readLog(actor, runId, afterSeq) {
      const run = await getVisible(actor, runId);
      return readLogLines(database, run.id, afterSeq);
    },
  };
};
