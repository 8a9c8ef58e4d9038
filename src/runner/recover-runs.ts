import { randomUUID } from 'node:crypto';
import type { RunId } from '#core/ids';
import type { OccurrenceEnd } from '#occurrences/occurrence-end';
import type { QueueEngine } from '#queue/queue-port';
import type { Database, Sql } from '#storage/database';
import { occurrenceEndOf } from './execute/occurrence-end-of.ts';
import { closeOccurrence } from './ledger/close-occurrence.ts';
import { RUN_ENDED_CHANNEL } from './ledger/finish-run.ts';
import { removeExpiredKeys } from './ledger/idempotency.ts';
import { appendRunEvent } from './ledger/run-ledger.ts';
import { RUN_COLUMNS, type RunRow, toRun } from './ledger/run-row.ts';
import { toQueueData } from './queue-data.ts';
import type { Run, RunError } from './run.ts';
import type { TaskCatalog } from './task-catalog.ts';

/** A queued run this old should have its queue job: 10 s here and 10 s between passes stay under 30 s. */
const QUEUED_GRACE_SECONDS = 10;
/** A lease that ran out this long ago is nobody's; longer than a living holder needs to renew after an outage. */
const ORPHAN_GRACE_SECONDS = 20;
/** A task that left the registry this long ago does not come back with the next deploy. */
const GONE_GRACE_SECONDS = 600;
const BATCH = 200;
/** Runs that one pass looks at; behind a backlog that is longer the next pass goes on from the start. */
const MAX_LOOKED_AT = 5_000;

// Where the run belongs is what the registry in force says, not this process's file.
const STRAYS = `
  SELECT ${RUN_COLUMNS},
    (SELECT jsonb_build_object('queueName', d.declaration -> 'queueName',
              'attempts', d.declaration -> 'task' -> 'attempts')
     FROM task_declarations d WHERE d.task_id = r.task_id AND d.valid_to IS NULL) AS declared,
    (SELECT max(d.valid_to) < now() - make_interval(secs => ${GONE_GRACE_SECONDS})
       AND bool_and(d.valid_to IS NOT NULL)
     FROM task_declarations d WHERE d.task_id = r.task_id) AS is_gone
  FROM task_runs r
  WHERE r.id > $3 AND (
    (state = 'queued' AND queued_at < now() - make_interval(secs => $1))
     OR (state = 'running' AND NOT EXISTS (
           SELECT 1 FROM task_leases l
           WHERE l.scope = r.lease_scope AND l.token = r.lease_token
             AND l.expires_at > now() - make_interval(secs => $2))))
  ORDER BY id LIMIT ${BATCH}`;

/** Where a run's queue job is to be made. */
interface Place {
  readonly queueName: string;
  readonly attempts: number;
}

interface StrayRow extends RunRow {
  readonly declared: Place | null;
  readonly is_gone: boolean | null;
}

export interface Recovered {
  readonly requeued: readonly RunId[];
  readonly crashed: readonly RunId[];
  /** Ended, since their task left the registry before they started. */
  readonly removed: readonly RunId[];
}

const endRun = async (
  sql: Sql,
  run: Run,
  ending: {
    readonly state: 'failed' | 'cancelled';
    readonly error: RunError;
    readonly crashes: number;
    readonly occurrence: OccurrenceEnd;
  },
): Promise<void> => {
  const { state, error, crashes, occurrence } = ending;
  const touched = await sql.execute(
    `UPDATE task_runs SET state = $4, crashes = crashes + $5, finished_at = now(), error = $2
     WHERE id = $1 AND state = $3`,
    [run.id, JSON.stringify(error), run.state, state, crashes],
  );
  if (touched !== 1) return;
  await appendRunEvent(sql, {
    runId: run.id,
    state,
    attempt: run.attempts,
    worker: run.worker,
    detail: { error: error.message },
  });
  if (run.standsForOccurrence) {
    const { taskId, scheduledFor, id: runId } = run;
    await closeOccurrence(sql, { taskId, scheduledFor, runId, end: occurrence });
  }
  await sql.execute('SELECT pg_notify($1, $2)', [RUN_ENDED_CHANNEL, run.id]);
};

const endAsCrashed = (sql: Sql, run: Run): Promise<void> => {
  const error = { class: 'crash', message: 'the process that executed the run is gone' };
  const occurrence = occurrenceEndOf({ trigger: run.trigger, state: 'failed', error });
  return endRun(sql, run, { state: 'failed', error, crashes: 1, occurrence });
};

const endAsRemoved = (sql: Sql, run: Run): Promise<void> =>
  endRun(sql, run, {
    state: 'cancelled',
    error: { class: 'removed', message: 'its task left the registry before it started' },
    crashes: 0,
    occurrence: { state: 'missed', reason: 'removed' },
  });

const requeue = async (
  sql: Sql,
  queue: QueueEngine,
  run: Run,
  { queueName, attempts }: Place,
): Promise<void> => {
  // The first id may be taken by a finished job, which would make the new one a silent no-op.
  const jobId = `${run.id}-${randomUUID().slice(0, 8)}`;
  await sql.execute(
    `UPDATE task_runs SET queue_name = $2, queue_job_id = $3, queued_at = now() WHERE id = $1`,
    [run.id, queueName, jobId],
  );
  await appendRunEvent(sql, {
    runId: run.id,
    state: run.state,
    attempt: run.attempts,
    worker: null,
    detail: { reason: 'its queue job was gone; a new one was made' },
  });
  await queue.enqueue({ queueName, jobId, name: run.taskId, data: toQueueData(run), attempts });
};

type Fate = 'waits' | keyof Recovered;

const recover = async ({ sql, queue, catalog }: RecoveryContext, row: StrayRow): Promise<Fate> => {
  const run = toRun(row);
  const { queueName, queueJobId } = run;
  if (queueName === null || queueJobId === null) {
    await endAsCrashed(sql, run);
    return 'crashed';
  }
  // Before the first registry was applied a run's place is known from this process's alone.
  const entry = catalog.get(run.taskId);
  const own =
    entry === undefined ? null : { queueName: entry.queueName, attempts: entry.task.attempts };
  const place = row.declared ?? own;
  const state = await queue.findState({ queueName, jobId: queueJobId });
  if (state === 'active') return 'waits';
  if (place === null) {
    if (row.is_gone !== true) return 'waits';
    await queue.remove({ queueName, jobId: queueJobId });
    // Nobody has the code to take a started one over.
    const wasStarted = run.state === 'running';
    await (wasStarted ? endAsCrashed(sql, run) : endAsRemoved(sql, run));
    return wasStarted ? 'crashed' : 'removed';
  }
  if (state === 'waiting' || state === 'delayed') {
    // In a queue that its task has left, perhaps nobody takes it any more.
    const isInPlace = queueName === place.queueName;
    if (isInPlace || !(await queue.remove({ queueName, jobId: queueJobId }))) return 'waits';
  }
  await requeue(sql, queue, run, place);
  return 'requeued';
};

interface RecoveryContext {
  readonly sql: Sql;
  readonly queue: QueueEngine;
  readonly catalog: TaskCatalog;
}

/**
 * Finds runs that nothing will move any more: queued or orphaned ones whose
 * queue job is gone, or lies in a queue that the task has left, get a new one;
 * those of a dead `opsloop run` end as crashed, those of a task that is gone as
 * cancelled. One process at a time does this; a second finds the lock taken and
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
    const found: Record<keyof Recovered, RunId[]> = { requeued: [], crashed: [], removed: [] };
    let last = '';
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; lookedAt += BATCH) {
      const grace = [QUEUED_GRACE_SECONDS, ORPHAN_GRACE_SECONDS];
      const rows = await sql.query<StrayRow>(STRAYS, [...grace, last]);
      for (const row of rows) {
        const fate = await recover({ sql, queue, catalog }, row);
        if (fate !== 'waits') found[fate].push(row.id as RunId);
        last = row.id;
      }
      if (rows.length < BATCH) break;
    }
    return found;
  });
