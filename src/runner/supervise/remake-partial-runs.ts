import type { Clock } from '#core/clock';
import { hasCode } from '#core/errors';
import type { QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { acceptRun } from '../accept-run.ts';
import { checkStart } from '../check-start.ts';
import { enqueueRuns } from '../enqueue-runs.ts';
import { RUN_COLUMNS, type RunRow, toRun } from '../ledger/run-row.ts';
import type { Actor, Run } from '../run.ts';
import type { TaskCatalog } from '../task-catalog.ts';

/** The first remake of a report follows after this, later ones after twice the time that it has been incomplete. */
const FIRST_WAIT = '10 minutes';
const LAST_WAIT = '6 hours';
/** About four days; what is still missing then does not come back by itself. */
const MAX_REMAKES = 20;
/** A remake that failed is not repeated at once. */
const FAILED_WAIT = '1 hour';
const AT_ONCE = 20;

// Only the newest run of a slot counts: one that was made since, whole or not, stands for it.
const PARTIAL_RUNS = `
  SELECT ${RUN_COLUMNS} FROM task_runs r
  WHERE r.state = 'succeeded' AND r.partial AND NOT r.dry_run
    AND r.finished_at > now() - interval '30 days'
    AND r.finished_at + LEAST(GREATEST(r.finished_at - r.scheduled_for, interval '${FIRST_WAIT}'),
          interval '${LAST_WAIT}') <= now()
    AND NOT EXISTS (
      SELECT 1 FROM task_runs later
      WHERE later.task_id = r.task_id AND later.scheduled_for = r.scheduled_for
        AND later.inputs_hash = r.inputs_hash AND NOT later.dry_run AND later.id > r.id
        AND (later.state IN ('queued', 'running', 'succeeded')
          OR later.finished_at > now() - interval '${FAILED_WAIT}'))
    AND (SELECT count(*) FROM task_runs remade
         WHERE remade.task_id = r.task_id AND remade.scheduled_for = r.scheduled_for
           AND remade.inputs_hash = r.inputs_hash AND remade.trigger = 'retry') < ${MAX_REMAKES}
  ORDER BY r.id LIMIT ${AT_ONCE}`;

const SUPERVISOR: Actor = { id: 'supervisor', entitlements: new Set(['*']), isAdmin: true };

interface Context {
  readonly database: Database;
  readonly queue: QueueEngine;
  readonly catalog: TaskCatalog;
  readonly clock: Clock;
}

const remake = async (context: Context, partial: Run): Promise<Run | null> => {
  const { database, queue, catalog, clock } = context;
  const now = clock.now();
  const request = {
    taskId: partial.taskId,
    inputs: partial.inputs,
    dryRun: false,
    scheduledFor: partial.scheduledFor.toISOString(),
    force: true,
    trigger: 'retry',
    actor: SUPERVISOR,
  } as const;
  try {
    const start = checkStart(catalog, request, now);
    const options = { now, retryOf: partial.id, queueJob: 'own' } as const;
    const { run } = await acceptRun(database, request, start, options);
    const { queueName, task } = start.entry;
    await enqueueRuns(queue, [{ run, queueName, attempts: task.attempts }]);
    return run;
  } catch (error) {
    // Paused, disabled, busy, or its inputs changed: it waits for a later look.
    if (hasCode(error, 'conflict') || hasCode(error, 'overlap') || hasCode(error, 'invalid_input'))
      return null;
    throw error;
  }
};

/**
 * Makes reports again that were built on data known to be incomplete (00-product,
 * 5), after growing pauses until one is whole. Runs of live jobs are left alone:
 * they would look at another moment.
 */
export const remakePartialRuns = async (context: Context): Promise<readonly Run[]> => {
  const remade: Run[] = [];
  for (const row of await context.database.query<RunRow>(PARTIAL_RUNS)) {
    const partial = toRun(row);
    if (context.catalog.get(partial.taskId)?.job.reads !== 'history') continue;
    const run = await remake(context, partial);
    if (run !== null) remade.push(run);
  }
  return remade;
};
