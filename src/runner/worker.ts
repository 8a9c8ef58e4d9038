import type { Clock } from '#core/clock';
import { hasCode } from '#core/errors';
import { groupBy } from '#core/group-by';
import type { Service } from '#core/service';
import type { Consumer, QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { type AppliedSchedules, applySchedules } from './apply-schedules.ts';
import { EndJournal } from './end-journal.ts';
import { type DeliveryEnvironment, handleDelivery } from './execute/handle-delivery.ts';
import type { JobExecutor } from './execute/job-executor.ts';
import type { RunObserver } from './execute/run-attempt.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Lease } from './ledger/leases.ts';
import {
  recordHeartbeat,
  removeDeadWorkers,
  removeWorker,
  type WorkerRecord,
} from './ledger/workers.ts';
import { type Recovered, recoverRuns } from './recover-runs.ts';
import { RunSlots } from './run-slots.ts';
import type { TaskCatalog } from './task-catalog.ts';

const HEARTBEAT_EVERY_MS = 5_000;
const RECOVER_EVERY_MS = 10_000;
/** An emptied queue engine has its schedules back after this long at the latest. */
const RESTORE_SCHEDULES_EVERY_MS = 60_000;
/** A queue of one task: its real run and a dry-run beside it. */
const OWN_QUEUE_CONCURRENCY = 2;

export interface WorkerObserver extends RunObserver {
  recovered(recovered: Recovered): void;
  merged(ends: number): void;
  /** The engine's schedules were not what the registry says: emptied, edited or deleted behind our back. */
  schedulesRestored(applied: AppliedSchedules): void;
  unexpected(what: string, error: unknown): void;
}

export interface WorkerOptions {
  readonly record: WorkerRecord;
  readonly catalog: TaskCatalog;
  readonly database: Database;
  readonly queue: QueueEngine;
  readonly clock: Clock;
  readonly executor: JobExecutor;
  readonly observer: WorkerObserver;
  readonly journalDirectory: string;
  /** Runs at once in this process, over all queues. */
  readonly concurrency: number;
  /** How long a shutdown waits for active runs, in milliseconds. */
  readonly shutdownGraceMs: number;
  readonly random: () => number;
}

/**
 * Takes queue jobs, executes their runs and looks after the ledger: leases,
 * heartbeat, journal, recovery. `stop` takes no further jobs, gives active runs
 * the grace, then aborts them and puts them back without spending an attempt.
 */
export class Worker implements Service {
  readonly name = 'worker';
  readonly #options: WorkerOptions;
  readonly #keeper: LeaseKeeper;
  readonly #journal: EndJournal;
  readonly #shutdown = new AbortController();
  readonly #journalled: Lease[] = [];
  readonly #consumers: Consumer[] = [];
  #stopTimers: (() => void)[] = [];
  #tending: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#journal = new EndJournal(options.journalDirectory, options.record.id);
    this.#keeper = new LeaseKeeper({
      database: options.database,
      clock: options.clock,
      onError: (error) => {
        this.#report('renewing leases', error);
      },
    });
  }

  async start(): Promise<void> {
    const { clock, catalog, queue, record, observer, concurrency } = this.#options;
    await this.#keeper.start();
    await this.#tend();
    this.#stopTimers = [
      clock.every(HEARTBEAT_EVERY_MS, () => {
        this.#tendSoon(() => this.#tend());
      }),
      clock.every(RECOVER_EVERY_MS, () => {
        this.#tendSoon(() => this.#recover());
      }),
      clock.every(RESTORE_SCHEDULES_EVERY_MS, () => {
        this.#tendSoon(() => this.#restoreSchedules());
      }),
    ];
    const slots = new RunSlots(concurrency);
    const environment = this.#environment();
    const queues = groupBy(catalog.values(), ({ queueName }) => queueName);
    await Promise.all(
      [...queues].map(async ([queueName, entries]) => {
        const shared = entries.length > 1 || entries.some(({ task }) => task.overlap === 'allow');
        const consumer = await queue.consume({
          queueName,
          concurrency: shared ? concurrency : OWN_QUEUE_CONCURRENCY,
          workerName: record.id,
          handle: (delivery) =>
            slots.within(async () =>
              this.#stopping === undefined
                ? handleDelivery(environment, delivery)
                : { kind: 'requeue' },
            ),
          onError: (error) => {
            observer.unexpected(`queue ${queueName}`, error);
          },
        });
        if (this.#stopping === undefined) this.#consumers.push(consumer);
        else await consumer.stop();
      }),
    );
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { clock, shutdownGraceMs, database, record } = this.#options;
    const drained = new AbortController();
    const stopped = Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    void clock.sleep(shutdownGraceMs, drained.signal).then(() => {
      this.#shutdown.abort();
    });
    await stopped;
    drained.abort();
    for (const stopTimer of this.#stopTimers) stopTimer();
    await this.#tending;
    await this.#keeper.stop();
    await removeWorker(database, record.id).catch(() => undefined);
    this.#journal.close();
  }

  #environment(): DeliveryEnvironment {
    const { database, clock, catalog, executor, observer, record, random } = this.#options;
    return {
      database,
      clock,
      catalog,
      executor,
      observer,
      random,
      workerId: record.id,
      keeper: this.#keeper,
      journal: this.#journal,
      shutdown: this.#shutdown.signal,
      onJournalled: (_end, lease) => {
        this.#journalled.push(lease);
      },
      onUnexpected: (delivery, error) => {
        observer.unexpected(`job ${delivery.jobId} of ${delivery.queueName}`, error);
      },
    };
  }

  /** One errand at a time, so that a slow database does not pile them up. */
  #tendSoon(errand: () => Promise<void>): void {
    this.#tending = this.#tending.then(errand);
  }

  async #tend(): Promise<void> {
    const { database, record, observer } = this.#options;
    try {
      const waiting = this.#journalled.splice(0);
      try {
        const merged = await this.#journal.merge(database);
        for (const lease of waiting) this.#keeper.drop(lease);
        if (merged.length > 0) observer.merged(merged.length);
      } catch (error) {
        this.#journalled.push(...waiting);
        throw error;
      }
      await recordHeartbeat(database, record);
    } catch (error) {
      this.#report('heartbeat', error);
    }
  }

  async #recover(): Promise<void> {
    const { database, queue, catalog, clock, observer } = this.#options;
    try {
      const recovered = await recoverRuns(database, queue, catalog, clock.now());
      if (recovered !== null && recovered.requeued.length + recovered.crashed.length > 0)
        observer.recovered(recovered);
      await removeDeadWorkers(database);
    } catch (error) {
      this.#report('recovery', error);
    }
  }

  async #restoreSchedules(): Promise<void> {
    const { database, queue, catalog, observer } = this.#options;
    try {
      const applied = await applySchedules(database, queue, catalog);
      if (applied.added.length + applied.changed.length + applied.removed.length > 0)
        observer.schedulesRestored(applied);
    } catch (error) {
      this.#report('schedules', error);
    }
  }

  /** An engine that is away is told once by readiness, not every five seconds here. */
  #report(what: string, error: unknown): void {
    if (!hasCode(error, 'unavailable')) this.#options.observer.unexpected(what, error);
  }
}
