import { AppError } from '#core/errors';
import { newRunId } from '#core/ids';
import { isOccurrence } from '#occurrences/occurrence-times';
import type { Delivery } from '#queue/queue-port';
import type { Database, Sql } from '#storage/database';
import { acceptRun, lockTask } from '../accept-run.ts';
import { checkStart } from '../check-start.ts';
import { assignOccurrence, closeOccurrence, lockOccurrence } from '../ledger/occurrence-ledger.ts';
import { findActiveRun, findRun, findRunOfQueueJob, insertRun } from '../ledger/run-ledger.ts';
import { findPause } from '../ledger/task-pauses.ts';
import { type Actor, isFinal, type Run } from '../run.ts';
import type { CatalogEntry, TaskCatalog } from '../task-catalog.ts';

export type Resolved =
  | { readonly kind: 'run'; readonly run: Run }
  /** Nothing to do, and why: the occurrence is closed, the run has ended, the task is paused. */
  | { readonly kind: 'nothing'; readonly reason: string }
  /** Not a job of ours, or not one that may run. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Whoever can write into the queue engine; without admin rights, so destructive tasks ask for their dry-run. */
const QUEUE_ACTOR: Actor = { id: 'queue', entitlements: new Set(['*']), isAdmin: false };

const nothing = (reason: string): Resolved => ({ kind: 'nothing', reason });
const refused = (reason: string): Resolved => ({ kind: 'refused', reason });

const toResolved = (run: Run): Resolved =>
  isFinal(run.state) ? nothing(`run ${run.id} has ended as ${run.state}`) : { kind: 'run', run };

interface Slot {
  readonly entry: CatalogEntry;
  readonly delivery: Delivery;
  readonly scheduledFor: Date;
  readonly now: Date;
}

/** Records why the occurrence did not run: a run in state `skipped`, and the occurrence closed with the reason. */
const skip = async (
  sql: Sql,
  slot: Slot,
  reason: 'paused' | 'disabled' | 'overlap',
  explanation: string,
): Promise<Resolved> => {
  const { entry, delivery, scheduledFor } = slot;
  const run = await insertScheduledRun(sql, slot, 'skipped', explanation);
  await assignOccurrence(sql, entry.task.id, scheduledFor, run.id);
  await closeOccurrence(sql, {
    taskId: entry.task.id,
    scheduledFor,
    runId: run.id,
    end: { state: 'skipped', reason },
  });
  return nothing(`${delivery.name} skipped: ${explanation}`);
};

const insertScheduledRun = (
  sql: Sql,
  { entry, delivery, scheduledFor, now }: Slot,
  state: 'queued' | 'skipped',
  explanation: string | null,
): Promise<Run> =>
  insertRun(sql, {
    id: newRunId(now),
    taskId: entry.task.id,
    occurrenceAt: scheduledFor,
    trigger: 'schedule',
    actor: 'scheduler',
    scheduledFor,
    inputs: entry.scheduleInputs ?? {},
    inputsHash: entry.scheduleInputsHash ?? '',
    dryRun: false,
    state,
    queue: { name: delivery.queueName, jobId: delivery.jobId },
    retryOf: null,
    ...(explanation === null ? {} : { error: { class: 'skipped', message: explanation } }),
  });

/** A scheduler's job stands for its slot, whatever its data says. The first delivery anywhere gets the occurrence. */
const resolveSlot = (database: Database, slot: Slot): Promise<Resolved> =>
  database.transaction(async (sql) => {
    const { entry, delivery, scheduledFor } = slot;
    const { task } = entry;
    if (task.schedule === null || !isOccurrence(task.schedule, scheduledFor))
      return refused(`${scheduledFor.toISOString()} is not an instant of the registry's schedule`);
    await lockTask(sql, task.id);
    const occurrence = await lockOccurrence(sql, task.id, scheduledFor);
    if (occurrence.state !== 'open')
      return nothing(`the occurrence is closed as ${occurrence.state}`);
    if (occurrence.runId !== null) {
      const run = await findRun(sql, occurrence.runId);
      if (run === null) return nothing('the occurrence was given to a run that is gone');
      return run.queueName === delivery.queueName && run.queueJobId === delivery.jobId
        ? toResolved(run)
        : nothing(`the occurrence was given to run ${run.id}`);
    }
    if (!task.enabled) return skip(sql, slot, 'disabled', 'the task is disabled');
    const pause = await findPause(sql, task.id);
    if (pause !== null) return skip(sql, slot, 'paused', `paused by ${pause.by}: ${pause.reason}`);
    if (task.overlap === 'skip') {
      const active = await findActiveRun(sql, task.id);
      if (active !== null)
        return skip(sql, slot, 'overlap', `run ${active.id} is still ${active.state}`);
    }
    const run = await insertScheduledRun(sql, slot, 'queued', null);
    await assignOccurrence(sql, task.id, scheduledFor, run.id);
    return { kind: 'run', run };
  });

/** A job that somebody put into the queue passes the same checks as a start on request. */
const adopt = async (
  database: Database,
  catalog: TaskCatalog,
  delivery: Delivery,
  now: Date,
): Promise<Resolved> => {
  const known = await findRunOfQueueJob(database, delivery.queueName, delivery.jobId);
  if (known !== null) return toResolved(known);
  const { data } = delivery;
  if (data === null || typeof data !== 'object' || Array.isArray(data))
    return refused('the job data is not an object of inputs');
  const {
    dry_run: dryRun,
    scheduled_for: scheduledFor,
    dry_run_id: dryRunId,
    ...inputs
  } = data as Record<string, unknown>;
  try {
    const request = {
      taskId: delivery.name,
      inputs,
      dryRun: dryRun === true,
      force: false,
      trigger: 'board' as const,
      actor: QUEUE_ACTOR,
      ...(typeof scheduledFor === 'string' ? { scheduledFor } : {}),
      ...(typeof dryRunId === 'string' ? { dryRunId } : {}),
    };
    const start = checkStart(catalog, request, now);
    const { run } = await acceptRun(database, request, start, {
      now,
      retryOf: null,
      queueJob: { jobId: delivery.jobId },
    });
    return { kind: 'run', run };
  } catch (error) {
    if (error instanceof AppError && error.code !== 'unavailable') {
      const details = error.violations.map(({ path, message }) => `${path} ${message}`).join('; ');
      return refused(details === '' ? error.message : `${error.message}: ${details}`);
    }
    throw error;
  }
};

/** Which run a queue job is: its row, a new one for its slot or its data, or none. */
export const resolveRun = async (
  database: Database,
  catalog: TaskCatalog,
  delivery: Delivery,
  now: Date,
): Promise<Resolved> => {
  const entry = [...catalog.values()].find(({ task }) => task.id === delivery.name);
  if (entry === undefined) return refused('the registry has no task of this name');
  if (delivery.scheduledSlot !== null)
    return resolveSlot(database, { entry, delivery, scheduledFor: delivery.scheduledSlot, now });
  const runId = (delivery.data as { run_id?: unknown } | null)?.run_id;
  if (typeof runId !== 'string') return adopt(database, catalog, delivery, now);
  const run = await findRun(database, runId);
  if (run === null) return refused('the ledger knows no run of this id');
  if (run.taskId !== entry.task.id) return refused(`the run belongs to task ${run.taskId}`);
  return toResolved(run);
};
