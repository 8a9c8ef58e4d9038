import type { JsonObject } from '#core/json';
import type { JobOutcome, Progress } from '#job-kit/job';
import type { AttemptTraces } from '#runner/execute/perform-attempt';
import type { Lease } from '#runner/ledger/leases';
import type { RunError } from '#runner/run';
import type { TaskEntry } from '#runner/task-catalog';
import type { JobSettings } from '../execute-job.ts';

/** From the worker to the child that executes one run. Travels over the pipe between them, never through argv or environment. */
export type ToChild =
  | {
      readonly kind: 'start';
      readonly runId: string;
      readonly lease: Lease;
      readonly dsn: string;
      readonly adminDsn: string | null;
      /** The worker's: read again, a file that has changed or gone since would decide. */
      readonly settings: JobSettings;
      /** The task as the worker has it: the registry's file may say something else by now, or be broken. */
      readonly entry: TaskEntry;
      /** The worker's other tasks, for a job that looks at all of them; empty for any other. */
      readonly others: readonly TaskEntry[];
    }
  | { readonly kind: 'abort'; readonly detail: string };

/** From the child to the worker. */
export type FromChild =
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn';
      readonly message: string;
      readonly fields: JsonObject | null;
    }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'returned'; readonly outcome: JobOutcome; readonly traces: AttemptTraces }
  | {
      readonly kind: 'threw';
      readonly error: RunError;
      /** The AppError's code, so that the retry rule sees what it would see in process. */
      readonly code: string | null;
      readonly traces: AttemptTraces;
    };
