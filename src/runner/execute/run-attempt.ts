import type { Clock } from '#core/clock';
import { hasCode, messageOf } from '#core/errors';
import type { RunId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { Database } from '#storage/database';
import type { EndJournal } from '../end-journal.ts';
import type { LeaseKeeper } from '../lease-keeper.ts';
import { type BegunAttempt, beginQueued, takeOver } from '../ledger/begin-attempt.ts';
import { finishCrashedRun, finishRun, type RunEnd } from '../ledger/finish-run.ts';
import { acquireLease, type Lease, releaseLease } from '../ledger/leases.ts';
import { findRun, returnToQueue } from '../ledger/run-ledger.ts';
import type { Run, RunError } from '../run.ts';
import { type RunLogSinks, RunLogWriter } from '../run-log-writer.ts';
import type { CatalogEntry } from '../task-catalog.ts';
import { toCrashEnd, toRunEnd } from './attempt-end.ts';
import { decide } from './decide.ts';
import type { JobExecutor } from './job-executor.ts';
import { performAttempt } from './perform-attempt.ts';

/** What became of an attempt, for whoever delivered it. */
export type AttemptResult =
  | { readonly kind: 'ended'; readonly end: RunEnd }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'requeue' }
  /** Another run of the task is active. */
  | { readonly kind: 'busy'; readonly by: string }
  /** It ended or was taken over elsewhere; nothing that happened here counts. */
  | { readonly kind: 'void'; readonly reason: string };

/** Words for the process log; one file decides level and wording. */
export interface RunObserver {
  started(run: Run): void;
  ended(run: Run, end: RunEnd): void;
  returned(run: Run, reason: 'retry' | 'shutdown', error: RunError | null, delayMs: number): void;
  voided(run: Run, reason: string): void;
  ignoredSignal(run: Run): void;
  ledgerAway(run: Run, error: unknown): void;
  jobLog(run: Run, level: 'info' | 'warn', message: string, fields: JsonObject): void;
}

export interface AttemptEnvironment {
  readonly database: Database;
  readonly clock: Clock;
  readonly workerId: string;
  readonly keeper: LeaseKeeper;
  readonly journal: EndJournal;
  readonly executor: JobExecutor;
  readonly observer: RunObserver;
  readonly random: () => number;
  /** Aborted when the process's shutdown grace is over. */
  readonly shutdown: AbortSignal;
  /** Called with the lease of an end that waits in the journal. */
  readonly onJournalled: (end: RunEnd, lease: Lease) => void;
}

const LEDGER_RETRY_MS = 1_000;

const leaseScope = (run: Run, { task }: CatalogEntry): string =>
  run.dryRun || task.overlap === 'allow' ? `run:${run.id}` : `task:${task.id}`;

/** One attempt of a run that has not ended: lease → ledger → job → verdict → ledger. */
export const runAttempt = async (
  environment: AttemptEnvironment,
  waiting: Run,
  entry: CatalogEntry,
  sinks: Pick<RunLogSinks, 'queueLog' | 'queueProgress'>,
): Promise<AttemptResult> => {
  const { database, observer, workerId } = environment;
  const scope = leaseScope(waiting, entry);
  const start = { runId: waiting.id, scope, worker: workerId };
  const begun = waiting.state === 'queued' ? await beginQueued(database, start) : null;
  const started = begun ?? (await takeLeaseAndBegin(environment, scope, waiting.id, entry));
  if ('kind' in started) return started;
  observer.started(started.run);
  return attemptUnderLease(environment, { ...started, entry }, sinks);
};

/** The careful way: the scope is taken, the run has ended, or the attempt before never did. */
const takeLeaseAndBegin = async (
  environment: AttemptEnvironment,
  scope: string,
  runId: RunId,
  entry: CatalogEntry,
): Promise<BegunAttempt | AttemptResult> => {
  const { database, clock, observer, workerId } = environment;
  const ended: AttemptResult = { kind: 'void', reason: 'the run has ended' };
  const claim = await acquireLease(database, { scope, runId, holder: workerId });
  if (!claim.held) return { kind: 'busy', by: claim.by };
  const { lease } = claim;
  const before = await findRun(database, runId);
  if (before?.state === 'running') {
    const { maxCrashes, attempts } = entry.task;
    if (before.crashes + 1 >= maxCrashes || before.attempts >= attempts) {
      const end = toCrashEnd({ run: before, lease, worker: workerId, now: clock.now() });
      const isLoop = before.crashes + 1 >= maxCrashes && !before.dryRun;
      const { taskId, scheduledFor } = before;
      if (!(await finishCrashedRun(database, end, isLoop ? { taskId, scheduledFor } : null)))
        return ended;
      observer.ended(before, end);
      return { kind: 'ended', end };
    }
  }
  const run = await takeOver(database, { runId, lease, worker: workerId });
  if (run !== null) return { run, lease };
  await releaseLease(database, lease);
  return ended;
};

const attemptUnderLease = async (
  environment: AttemptEnvironment,
  { run, entry, lease }: { run: Run; entry: CatalogEntry; lease: Lease },
  sinks: Pick<RunLogSinks, 'queueLog' | 'queueProgress'>,
): Promise<AttemptResult> => {
  const { database, clock, keeper, observer, workerId, shutdown } = environment;
  const log = new RunLogWriter({
    runId: run.id,
    database,
    clock,
    sinks: {
      ...sinks,
      processLog: (level, message, fields) => {
        observer.jobLog(run, level, message, fields);
      },
    },
  });
  let onShutdown: (() => void) | undefined;

  const attempt = await performAttempt({
    run,
    entry,
    clock,
    execute: environment.executor({
      run,
      entry,
      lease,
      log,
      progress: (progress) => {
        log.progress(progress);
      },
    }),
    onControl: ({ abort }) => {
      keeper.hold({
        lease,
        onLost: () => {
          abort('lease_lost', 'another worker took the run over');
        },
        onCancel: ({ by, reason }) => {
          abort('cancelled', reason === '' ? `cancelled by ${by}` : reason);
        },
      });
      onShutdown = () => {
        abort('shutdown', 'the worker shuts down');
      };
      if (shutdown.aborted) onShutdown();
      else shutdown.addEventListener('abort', onShutdown, { once: true });
    },
  });
  if (onShutdown !== undefined) shutdown.removeEventListener('abort', onShutdown);
  if (attempt.ignoredSignal) {
    observer.ignoredSignal(run);
    log.warn('the job ignored its signal; whatever it still does is void');
  }

  // A dry-run finds out once whether the real run would fail; trying again would hide it.
  const policy = { backoff: entry.task.backoff, attempts: run.dryRun ? 1 : entry.task.attempts };
  const verdict = decide(attempt.ending, run.attempts, policy, environment.random());
  await log.close();
  switch (verdict.kind) {
    case 'void':
      keeper.drop(lease);
      observer.voided(run, 'another worker took the run over');
      return { kind: 'void', reason: 'another worker took the run over' };
    case 'retry':
    case 'requeue': {
      const delayMs = verdict.kind === 'retry' ? verdict.delayMs : 0;
      const error = verdict.kind === 'retry' ? verdict.error : null;
      const reason = verdict.kind === 'retry' ? 'retry' : 'shutdown';
      const returned = await whenLedgerIsBack(environment, run, () =>
        returnToQueue(database, { run, lease, worker: workerId, reason, delayMs, error }),
      );
      keeper.drop(lease);
      if (!returned) return { kind: 'void', reason: 'another worker took the run over' };
      observer.returned(run, reason, error, delayMs);
      return verdict.kind === 'retry'
        ? { kind: 'retry', delayMs, reason: verdict.error.message }
        : { kind: 'requeue' };
    }
    default: {
      const end = toRunEnd({ run, lease, worker: workerId, now: clock.now() }, attempt, verdict);
      return record(environment, run, lease, end);
    }
  }
};

/** The end goes into the ledger, or into the journal while that is away. */
const record = async (
  environment: AttemptEnvironment,
  run: Run,
  lease: Lease,
  end: RunEnd,
): Promise<AttemptResult> => {
  const { database, keeper, journal, observer } = environment;
  try {
    const recorded = await finishRun(database, end);
    keeper.drop(lease);
    if (!recorded) {
      observer.voided(run, 'its lease was lost before its end could be recorded');
      return { kind: 'void', reason: 'another worker took the run over' };
    }
  } catch (error) {
    if (!hasCode(error, 'unavailable')) {
      keeper.drop(lease);
      throw error;
    }
    observer.ledgerAway(run, error);
    journal.append(end);
    environment.onJournalled(end, lease);
  }
  observer.ended(run, end);
  return { kind: 'ended', end };
};

/** Waits for the ledger as long as the process may; then the run is left to be taken over as if its worker had died. */
const whenLedgerIsBack = async (
  { clock, shutdown, observer }: AttemptEnvironment,
  run: Run,
  write: () => Promise<boolean>,
): Promise<boolean> => {
  for (let tries = 0; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      if (!hasCode(error, 'unavailable') || (shutdown.aborted && tries > 0)) throw error;
      if (tries === 0) observer.ledgerAway(run, messageOf(error));
      await clock.sleep(LEDGER_RETRY_MS, shutdown);
    }
  }
};
