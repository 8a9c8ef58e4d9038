import { hasCode, messageOf } from '#core/errors';
import type { Delivery, Disposition } from '#queue/queue-port';
import type { OccurrenceLedger } from '../ledger/occurrence-ledger.ts';
import type { Run } from '../run.ts';
import { dropStaleRun, mayBeStale } from '../schedule/stale-run.ts';
import type { CatalogEntry, TaskCatalog } from '../task-catalog.ts';
import { resolveRun } from './resolve-run.ts';
import { type AttemptEnvironment, type AttemptResult, runAttempt } from './run-attempt.ts';

/** A job that found the ledger away, or its task busy, comes again after this long. */
const LEDGER_AWAY_DEFER_MS = 5_000;
const BUSY_DEFER_MS = 500;
/** A job that only another host's registry knows is offered again after this long. */
const ELSEWHERE_DEFER_MS = 2_000;
/** The engine counts a delay from its own clock; a year's slot is simply looked at again. */
const MAX_EARLY_DEFER_MS = 86_400_000;
const UNEXPECTED_RETRY_MS = 10_000;

const toDisposition = (result: AttemptResult): Disposition => {
  switch (result.kind) {
    case 'busy':
      return { kind: 'defer', delayMs: BUSY_DEFER_MS };
    case 'requeue':
      return { kind: 'requeue' };
    case 'retry':
      return { kind: 'retry', reason: result.reason, delayMs: result.delayMs };
    case 'void':
      return { kind: 'complete', returnValue: { void: result.reason } };
    case 'ended':
      return result.end.state === 'succeeded'
        ? {
            kind: 'complete',
            returnValue: { run_id: result.end.runId, ...(result.end.result ?? {}) },
          }
        : { kind: 'fail', reason: result.end.error?.message ?? result.end.state };
  }
};

export interface DeliveryEnvironment extends AttemptEnvironment {
  readonly occurrences: OccurrenceLedger;
  readonly catalog: TaskCatalog;
  readonly onUnexpected: (delivery: Delivery, error: unknown) => void;
}

const deliver = async (
  environment: DeliveryEnvironment,
  delivery: Delivery,
): Promise<Disposition> => {
  const { catalog, clock, occurrences } = environment;
  const now = clock.now();
  const resolved = await resolveRun(environment, catalog, delivery, now);
  switch (resolved.kind) {
    case 'refused':
      return { kind: 'fail', reason: resolved.reason };
    case 'nothing':
      return { kind: 'complete', returnValue: { nothing_done: resolved.reason } };
    case 'elsewhere':
      return { kind: 'defer', delayMs: ELSEWHERE_DEFER_MS };
    case 'early': {
      const delayMs = resolved.dueAt.getTime() - now.getTime();
      return { kind: 'defer', delayMs: Math.min(Math.max(delayMs, 0), MAX_EARLY_DEFER_MS) };
    }
    case 'run':
      break;
  }
  const run: Run = resolved.run;
  const entry: CatalogEntry | undefined = catalog.get(run.taskId);
  if (entry === undefined) return { kind: 'fail', reason: 'the registry has no such task' };
  const stale = mayBeStale(run, entry.task, now) ? await dropStaleRun(occurrences, run) : null;
  if (stale !== null) return { kind: 'complete', returnValue: { nothing_done: stale } };
  const result = await runAttempt(environment, run, entry, {
    queueLog: (line) => delivery.log(line),
    queueProgress: (progress) => delivery.progress(progress),
  });
  return toDisposition(result);
};

/**
 * From a queue job to what is to become of it. While the ledger is away no run
 * starts: the job stays queued. A bug here costs an attempt of the queue job
 * and never the run: recovery finds a run without its job.
 */
export const handleDelivery = async (
  environment: DeliveryEnvironment,
  delivery: Delivery,
): Promise<Disposition> => {
  try {
    return await deliver(environment, delivery);
  } catch (error) {
    if (hasCode(error, 'unavailable')) return { kind: 'defer', delayMs: LEDGER_AWAY_DEFER_MS };
    environment.onUnexpected(delivery, error);
    return { kind: 'retry', reason: messageOf(error), delayMs: UNEXPECTED_RETRY_MS };
  }
};
