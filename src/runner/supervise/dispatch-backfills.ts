import type { Clock } from '#core/clock';
import { type BackfillId, newRunId, type TaskId } from '#core/ids';
import type { QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { enqueueRuns } from '../enqueue-runs.ts';
import { listReadyBackfills, takeNextInstant } from '../ledger/backfills.ts';
import { insertRun } from '../ledger/run-ledger.ts';
import { lockTask } from '../ledger/task-lock.ts';
import type { Run } from '../run.ts';
import type { CatalogEntry, TaskCatalog } from '../task-catalog.ts';

/** Tasks whose backfills go on in one look. */
const AT_ONCE = 8;

/** The next run of a backfill, in the ledger; null when it has ended meanwhile. */
export const addNextBackfillRun = (
  database: Database,
  entry: CatalogEntry,
  next: { readonly backfillId: BackfillId; readonly now: Date; readonly isQueued: boolean },
): Promise<Run | null> =>
  database.transaction(async (sql) => {
    const taskId: TaskId = entry.task.id;
    await lockTask(sql, taskId);
    const instant = await takeNextInstant(sql, next.backfillId);
    if (instant === null) return null;
    const id = newRunId(next.now);
    const stands = !instant.dryRun && instant.inputsHash === entry.scheduleInputsHash;
    return insertRun(sql, {
      id,
      taskId,
      occurrenceAt: stands ? instant.scheduledFor : null,
      trigger: 'backfill',
      actor: instant.actor,
      scheduledFor: instant.scheduledFor,
      inputs: instant.inputs,
      inputsHash: instant.inputsHash,
      dryRun: instant.dryRun,
      state: 'queued',
      queue: next.isQueued ? { name: entry.queueName, jobId: id } : null,
      retryOf: null,
      backfillId: next.backfillId,
    });
  });

/** Makes the next run of every backfill whose last one has ended. A queue that is away gets the job from recovery. */
export const dispatchBackfills = async (context: {
  readonly database: Database;
  readonly queue: QueueEngine;
  readonly catalog: TaskCatalog;
  readonly clock: Clock;
}): Promise<void> => {
  const { database, queue, catalog, clock } = context;
  for (const { id, taskId } of await listReadyBackfills(database, AT_ONCE)) {
    const entry = catalog.get(taskId);
    // Of a registry that only other hosts have: one of those goes on with it.
    if (entry === undefined) continue;
    const run = await addNextBackfillRun(database, entry, {
      backfillId: id,
      now: clock.now(),
      isQueued: true,
    });
    if (run === null) continue;
    await enqueueRuns(queue, [{ run, queueName: entry.queueName, attempts: entry.task.attempts }]);
  }
};
