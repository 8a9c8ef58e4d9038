import type { Clock } from '#core/clock';
import type { Effect } from '#core/effects';
import { AppError } from '#core/errors';
import type { JobOutcome } from '#job-kit/job';
import type { WrittenReport } from '#job-kit/report';
import type { Run } from '../run.ts';
import type { CatalogEntry } from '../task-catalog.ts';
import type { AbortCause, Ending } from './decide.ts';

/** After its signal aborted, a job has this long to settle before the run ends without it. */
const STUBBORN_AFTER_MS = 10_000;

export interface AttemptTraces {
  readonly reports: readonly WrittenReport[];
  /** What was recorded instead of done; null for a real run. */
  readonly effects: readonly Effect[] | null;
}

/** Runs the job's code until it settles or its signal aborts; knows nothing of ledger or queue. */
export type JobExecution = (signal: AbortSignal) => {
  readonly outcome: Promise<JobOutcome>;
  readonly traces: () => AttemptTraces;
  /** Ends a job that ignores its signal, where that is possible (a child process). */
  readonly kill: (() => void) | null;
};

export interface AttemptEnd {
  readonly ending: Ending;
  readonly traces: AttemptTraces;
  readonly durationMs: number;
  /** The job did not settle within {@link STUBBORN_AFTER_MS} of its signal. */
  readonly ignoredSignal: boolean;
}

/** Ways from outside to stop an attempt; the first one counts. */
export interface AttemptControl {
  abort(cause: AbortCause, detail: string): void;
}

export interface AttemptOptions {
  readonly run: Run;
  readonly entry: CatalogEntry;
  readonly clock: Clock;
  readonly execute: JobExecution;
  /** Called before the job starts, to wire cancellation, lease and shutdown to the attempt. */
  readonly onControl: (control: AttemptControl) => void;
}

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

/** One attempt of a run under timeout, cancellation, shutdown and loss of the lease. */
export const performAttempt = async (options: AttemptOptions): Promise<AttemptEnd> => {
  const { entry, clock } = options;
  const startedAt = clock.now();
  const controller = new AbortController();
  const settled = new AbortController();
  let aborted: { readonly cause: AbortCause; readonly detail: string } | undefined;

  const abort = (cause: AbortCause, detail: string): void => {
    if (aborted !== undefined || settled.signal.aborted) return;
    aborted = { cause, detail };
    controller.abort(new AppError('internal', detail));
  };
  options.onControl({ abort });

  const { timeoutMs } = entry.task;
  void clock.sleep(timeoutMs, settled.signal).then(() => {
    abort('timeout', `ran longer than its timeout of ${seconds(timeoutMs)}`);
  });

  const execution = options.execute(controller.signal);
  const finished: Promise<Ending> = execution.outcome.then(
    (outcome): Ending => ({ kind: 'returned', outcome }),
    (error: unknown): Ending => ({ kind: 'threw', error }),
  );
  const stubborn = new Promise<'stubborn'>((resolve) => {
    controller.signal.addEventListener(
      'abort',
      () => {
        void clock.sleep(STUBBORN_AFTER_MS, settled.signal).then(() => {
          resolve('stubborn');
        });
      },
      { once: true },
    );
  });

  const first = await Promise.race([finished, stubborn]);
  settled.abort();
  const ignoredSignal = first === 'stubborn';
  if (ignoredSignal) execution.kill?.();

  // A run that finished in the face of a shutdown has finished; one that
  // outlived its timeout or was cancelled has not, whatever it says.
  const finishedAnyway =
    first !== 'stubborn' && first.kind === 'returned' && aborted?.cause === 'shutdown';
  const ending: Ending =
    aborted !== undefined && !finishedAnyway
      ? { kind: 'aborted', ...aborted }
      : first === 'stubborn'
        ? { kind: 'threw', error: new Error('unreachable: stubborn without an abort') }
        : first;
  return {
    ending,
    traces: execution.traces(),
    durationMs: clock.now().getTime() - startedAt.getTime(),
    ignoredSignal,
  };
};
