import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError, ERROR_TABLE, type ErrorCode } from '#core/errors';
import type { JobOutcome } from '#job-kit/job';
import type { JobExecutor } from '#runner/execute/job-executor';
import type { AttemptTraces } from '#runner/execute/perform-attempt';
import {
  type CatalogEntry,
  type TaskCatalog,
  type TaskEntry,
  toTaskEntry,
} from '#runner/task-catalog';
import { type JobSettings, type JobWorld, looksAtAllTasks } from '../execute-job.ts';
import type { FromChild, ToChild } from './messages.ts';

const CHILD = fileURLToPath(new URL('./isolated-main.js', import.meta.url));

const isErrorCode = (code: string | null): code is ErrorCode =>
  code !== null && code in ERROR_TABLE;

const toError = ({ error, code }: Extract<FromChild, { kind: 'threw' }>): Error => {
  if (isErrorCode(code)) return new AppError(code, error.message);
  const thrown = new Error(error.message);
  thrown.name = error.class;
  if (error.stack !== undefined) thrown.stack = error.stack;
  return thrown;
};

const send = (child: ChildProcess, message: ToChild): void => {
  if (child.connected) child.send(message);
};

const othersFor = (entry: CatalogEntry, catalog: TaskCatalog): readonly TaskEntry[] =>
  looksAtAllTasks(entry.job)
    ? [...catalog.values()].filter(({ task }) => task.id !== entry.task.id).map(toTaskEntry)
    : [];

/** Named one by one, since what is given may hold all settings, keys included. */
const settingsFor = (settings: JobSettings): JobSettings => {
  const { repoRoot, dataDir, audit, policyDir, jobsDir } = settings;
  return { repoRoot, dataDir, audit, policyDir, jobsDir };
};

/**
 * Runs a job in a process of its own, for tasks with `isolate: true`: it can
 * be killed when it ignores its signal, and what it does to its memory or its
 * event loop is its own affair. The child is given the lease, so its writes
 * are fenced like any other's, and the task, so it does what was decided here.
 */
export const createIsolatedExecutor =
  (
    options: Pick<JobWorld, 'adminDsn' | 'catalog' | 'settings'> & { readonly dsn: string },
  ): JobExecutor =>
  ({ run, entry, lease, log, progress }) =>
  (signal) => {
    let traces: AttemptTraces = { reports: [], effects: run.dryRun ? [] : null };
    const child = fork(CHILD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      send(child, { kind: 'abort', detail: reason instanceof Error ? reason.message : 'aborted' });
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });

    const outcome = new Promise<JobOutcome>((resolve, reject) => {
      child.on('message', (message: FromChild) => {
        switch (message.kind) {
          case 'log':
            log[message.level](message.message, message.fields ?? undefined);
            break;
          case 'progress':
            progress(message.progress);
            break;
          case 'returned':
            traces = message.traces;
            resolve(message.outcome);
            break;
          case 'threw':
            traces = message.traces;
            reject(toError(message));
            break;
        }
      });
      child.once('error', reject);
      child.once('exit', (code, killedBy) => {
        // After an answer this changes nothing: a promise settles once.
        reject(
          new Error(
            `the job's process ended without an answer (${killedBy ?? `exit code ${code}`})`,
          ),
        );
      });
    }).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
    send(child, {
      kind: 'start',
      runId: run.id,
      lease,
      dsn: options.dsn,
      adminDsn: options.adminDsn,
      settings: settingsFor(options.settings),
      entry: toTaskEntry(entry),
      others: othersFor(entry, options.catalog),
    });
    return { outcome, traces: () => traces, kill: () => child.kill('SIGKILL') };
  };
