import type { JobLog, Progress } from '#job-kit/job';
import type { Lease } from '../ledger/leases.ts';
import type { Run } from '../run.ts';
import type { CatalogEntry } from '../task-catalog.ts';
import type { JobExecution } from './perform-attempt.ts';

/** One attempt, as the code that gives a job its world sees it. */
export interface JobAttempt {
  readonly run: Run;
  readonly entry: CatalogEntry;
  /** Fences every write of a real run. */
  readonly lease: Lease;
  readonly log: JobLog;
  readonly progress: (progress: Progress) => void;
}

/** Gives a job its context, in this process or in a child; supplied by the composition root. */
export type JobExecutor = (attempt: JobAttempt) => JobExecution;
