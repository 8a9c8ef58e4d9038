import { randomUUID } from 'node:crypto';
import type { RunId } from '#core/ids';
import type { QueueEngine } from '#queue/queue-port';
import type { Database, Sql } from '#storage/database';
import { occurrenceEndOf } from './execute/occurrence-end-of.ts';
import { closeOccurrence } from './ledger/close-occurrence.ts';
import { RUN_ENDED_CHANNEL } from './ledger/finish-run.ts';
import { removeExpiredKeys } from './ledger/idempotency.ts';
import { appendRunEvent } from './ledger/run-ledger.ts';
import { RUN_COLUMNS, type RunRow, toRun } from './ledger/run-row.ts';
import { toQueueData } from './queue-data.ts';
import type { Run } from './run.ts';
import type { TaskCatalog } from './task-catalog.ts';

/** A queued run this old should have its queue job: 10 s here and 10 s between passes stay under 30 s. */
const QUEUED_GRACE_SECONDS = 10;
/** A lease that ran out this long ago is nobody's; longer than a living holder needs to renew after an outage. */
const ORPHAN_GRACE_SECONDS = 20;
const BATCH = 200;

const STRAYS = `
  SELECT ${RUN_COLUMNS} FROM task_runs r
  WHERE (state = 'queued' AND queued_at < now() - make_interval(secs => $1))
     OR (state = 'running' AND NOT EXISTS (
           SELECT 1 FROM task_leases l
           WHERE l.scope = r.lease_scope AND l.token = r.lease_token
             AND l.expires_at > now() - make_interval(secs => $2)))
  ORDER BY id LIMIT ${BATCH}`;

export interface Recovered {
  readonly requeued: readonly RunId[];
  readonly crashed: readonly RunId[];
}

const endAsCrashed = async (sql: Sql, run: Run): Promise<void> => {
  const error = { class: 'crash', message: 'the process that executed the run is gone' };
  const touched = await sql.execute(
    `UPDATE task_runs SET state = 'failed', crashes = crashes + 1, finished_at = now(), error = $2
     WHERE id = $1 AND state = $3`,
    [run.id, JSON.stringify(error), run.state],
  );
  if (touched !== 1) return;
  await appendRunEvent(sql, {
    runId: run.id,
    state: 'failed',
    attempt: run.attempts,
    worker: run.worker,
    detail: { error: error.message },
  });
  if (run.standsForOccurrence)
    await closeOccurrence(sql, {
      taskId: run.taskId,
      scheduledFor: run.scheduledFor,
      runId: run.id,
      end: occurrenceEndOf({ trigger: run.trigger, state: 'failed', error }),
    });
  await sql.execute('SELECT pg_notify($1, $2)', [RUN_ENDED_CHANNEL, run.id]);
};

const requeue = async (
  sql: Sql,
  queue: QueueEngine,
  catalog: TaskCatalog,
  run: Run,
): Promise<void> => {
  const entry = catalog.get(run.taskId);
  if (entry === undefined) return;
  // The first id may be taken by a finished job, which would make the new one a silent no-op.
  const jobId = `${run.id}-${randomUUID().slice(0, 8)}`;
  await sql.execute(
    `UPDATE task_runs SET queue_name = $2, queue_job_id = $3, queued_at = now() WHERE id = $1`,
    [run.id, entry.queueName, jobId],
  );
  await appendRunEvent(sql, {
    runId: run.id,
    state: run.state,
    attempt: run.attempts,
    worker: null,
    detail: { reason: 'its queue job was gone; a new one was made' },
  });
  await queue.enqueue({
    queueName: entry.queueName,
    jobId,
    name: entry.task.id,
    data: toQueueData(run),
    attempts: entry.task.attempts,
  });
};

/**
 * Finds runs that nothing will move any more: queued or orphaned ones whose
 * queue job is gone get a new one, those of a dead `opsloop run` end as
 * crashed. One process at a time does this; a second finds the lock taken and
 * answers null.
 */
export const recoverRuns = (
  database: Database,
  queue: QueueEngine,
  catalog: TaskCatalog,
): Promise<Recovered | null> =>
  database.transaction(async (sql) => {
    const [lock] = await sql.query<{ taken: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('opsloop recovery', 0)) AS taken`,
    );
    if (lock?.taken !== true) return null;
    await removeExpiredKeys(sql);
    const rows = await sql.query<RunRow>(STRAYS, [QUEUED_GRACE_SECONDS, ORPHAN_GRACE_SECONDS]);
    const requeued: RunId[] = [];
    const crashed: RunId[] = [];
    for (const run of rows.map(toRun)) {
      if (run.queueName === null || run.queueJobId === null) {
        await endAsCrashed(sql, run);
        crashed.push(run.id);
        continue;
      }
      const state = await queue.findState({ queueName: run.queueName, jobId: run.queueJobId });
      if (state === 'waiting' || state === 'active' || state === 'delayed') continue;
      await requeue(sql, queue, catalog, run);
      requeued.push(run.id);
    }
    return { requeued, crashed };
  });
