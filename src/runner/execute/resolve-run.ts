import { AppError } from '#core/errors';
import type { TaskId } from '#core/ids';
import type { Delivery } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { acceptRun } from '../accept-run.ts';
import { checkStart } from '../check-start.ts';
import type { OccurrenceLedger } from '../ledger/occurrence-ledger.ts';
import { findRun, findRunOfQueueJob } from '../ledger/run-ledger.ts';
import { type Actor, isFinal, type Run } from '../run.ts';
import { type ResolvedSlot, resolveSlot } from '../schedule/resolve-slot.ts';
import type { TaskCatalog } from '../task-catalog.ts';

/** Which run a queue job is; `elsewhere`: of a task that this process's registry does not have. */
export type Resolved = ResolvedSlot | { readonly kind: 'elsewhere'; readonly reason: string };

export interface Ledgers {
  readonly database: Database;
  readonly occurrences: OccurrenceLedger;
}

/** Whoever can write into the queue engine; without admin rights, so destructive tasks ask for their dry-run. */
const QUEUE_ACTOR: Actor = { id: 'queue', entitlements: new Set(['*']), isAdmin: false };

const nothing = (reason: string): Resolved => ({ kind: 'nothing', reason });
const refused = (reason: string): Resolved => ({ kind: 'refused', reason });

const toResolved = (run: Run): Resolved =>
  isFinal(run.state) ? nothing(`run ${run.id} has ended as ${run.state}`) : { kind: 'run', run };

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

/**
 * A name that is not in this process's registry: another host's registry may
 * have it, whose workers then take the job; if none has, it is refused.
 */
const resolveUnknownTask = async (
  occurrences: OccurrenceLedger,
  taskId: TaskId,
): Promise<Resolved> => {
  const isDeclared = await occurrences.withTask(
    taskId,
    async (book) => (await book.look()).applied !== null,
  );
  return isDeclared
    ? { kind: 'elsewhere', reason: 'only a registry of another host has this task' }
    : refused('the registry has no task of this name');
};

/** Which run a queue job is: its row, a new one for its slot or its data, or none. */
export const resolveRun = async (
  { database, occurrences }: Ledgers,
  catalog: TaskCatalog,
  delivery: Delivery,
  now: Date,
): Promise<Resolved> => {
  const taskId = delivery.name as TaskId;
  if (catalog.get(taskId) === undefined) return resolveUnknownTask(occurrences, taskId);
  const { scheduledSlot, queueName, jobId } = delivery;
  if (scheduledSlot !== null)
    return resolveSlot(occurrences, { taskId, scheduledFor: scheduledSlot, queueName, jobId });
  const runId = (delivery.data as { run_id?: unknown } | null)?.run_id;
  if (typeof runId !== 'string') return adopt(database, catalog, delivery, now);
  const run = await findRun(database, runId);
  if (run === null) return refused('the ledger knows no run of this id');
  if (run.taskId !== taskId) return refused(`the run belongs to task ${run.taskId}`);
  return toResolved(run);
};
