import type { Clock } from '#core/clock';
import { hasCode } from '#core/errors';
import { groupBy } from '#core/group-by';
import type { Service } from '#core/service';
import type { Consumer, QueueEngine } from '#queue/queue-port';
import type { Database } from '#storage/database';
import { EndJournal } from './end-journal.ts';
import { type DeliveryEnvironment, handleDelivery } from './execute/handle-delivery.ts';
import type { JobExecutor } from './execute/job-executor.ts';
import type { RunObserver } from './execute/run-attempt.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Lease } from './ledger/leases.ts';
import type { OccurrenceLedger } from './ledger/occurrence-ledger.ts';
import { recordHeartbeat, removeWorker, type WorkerRecord } from './ledger/workers.ts';
import { Follower } from './live-catalog.ts';
import { RunSlots } from './run-slots.ts';
import type { TaskCatalog } from './task-catalog.ts';

const HEARTBEAT_EVERY_MS = 5_000;
/** A queue of one task: its real run and a dry-run beside it. */
const OWN_QUEUE_CONCURRENCY = 2;

interface ServedQueue {
  readonly consumer: Consumer;
  readonly concurrency: number;
}

export interface WorkerObserver extends RunObserver {
  merged(ends: number): void;
  unexpected(what: string, error: unknown): void;
}

export interface WorkerOptions {
  readonly record: WorkerRecord;
  readonly catalog: TaskCatalog;
  readonly database: Database;
  readonly occurrences: OccurrenceLedger;
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

/** How many jobs of each queue a process takes at once. */
const concurrencies = (catalog: TaskCatalog, concurrency: number): ReadonlyMap<string, number> =>
  new Map(
    [...groupBy(catalog.values(), ({ queueName }) => queueName)].map(([queueName, entries]) => {
      const isShared = entries.length > 1 || entries.some(({ task }) => task.overlap === 'allow');
      return [queueName, isShared ? concurrency : OWN_QUEUE_CONCURRENCY];
    }),
  );

/**
 * Takes queue jobs, executes their runs and looks after what is its own in the
 * ledger: leases, heartbeat, journal. Its queues are those that the catalogue
 * names, also after the catalogue has changed. `stop` takes no further jobs, gives active runs
 * the grace, then aborts them and puts them back without spending an attempt.
 */
export class Worker implements Service {
  readonly name = 'worker';
  readonly #options: WorkerOptions;
  readonly #keeper: LeaseKeeper;
  readonly #journal: EndJournal;
  readonly #shutdown = new AbortController();
  readonly #journalled: Lease[] = [];
  readonly #environment: DeliveryEnvironment;
  readonly #slots: RunSlots;
  readonly #serving = new Map<string, ServedQueue>();
  /** Consumers that take nothing more and whose last runs have not ended. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #follower: Follower;
  #unsubscribe = (): void => undefined;
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
    this.#environment = this.#createEnvironment();
    this.#slots = new RunSlots(options.concurrency);
    this.#follower = new Follower({
      clock: options.clock,
      follow: () => this.#serve(),
      onFailure: (error) => {
        this.#report('serving the queues of a changed registry', error);
      },
    });
  }

  async start(): Promise<void> {
    const { clock, catalog } = this.#options;
    await this.#keeper.start();
    await this.#tend();
    this.#stopTimers = [
      clock.every(HEARTBEAT_EVERY_MS, () => {
        this.#tendSoon(() => this.#tend());
      }),
    ];
    await this.#serve();
    if (this.#stopping !== undefined) return;
    this.#unsubscribe = catalog.subscribe(() => void this.#follower.changed());
    // For a change that came before the subscription.
    void this.#follower.changed();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { clock, shutdownGraceMs, database, record } = this.#options;
    this.#unsubscribe();
    const drained = new AbortController();
    const stopped = Promise.all([
      this.#follower.stop(),
      ...[...this.#serving.values()].map(({ consumer }) => consumer.stop()),
      ...this.#leaving,
    ]);
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

  /**
   * Makes the queues that are consumed those that the tasks name now. A
   * consumer that is not wanted as it is takes no further jobs, and its active
   * runs go on to their end; meanwhile its successor takes jobs beside it.
   */
  async #serve(): Promise<void> {
    const { catalog, concurrency } = this.#options;
    const wanted = concurrencies(catalog, concurrency);
    for (const [queueName, served] of this.#serving)
      if (wanted.get(queueName) !== served.concurrency) {
        this.#serving.delete(queueName);
        this.#leave(served.consumer);
      }
    const missing = [...wanted].filter(([queueName]) => !this.#serving.has(queueName));
    const begun = await Promise.allSettled(
      missing.map(([queueName, jobsAtOnce]) => this.#consume(queueName, jobsAtOnce)),
    );
    for (const each of begun) if (each.status === 'rejected') throw each.reason;
  }

  async #consume(queueName: string, concurrency: number): Promise<void> {
    const { queue, record, observer } = this.#options;
    const consumer = await queue.consume({
      queueName,
      concurrency,
      workerName: record.id,
      handle: (delivery) =>
        this.#slots.within(async () =>
          this.#stopping === undefined
            ? handleDelivery(this.#environment, delivery)
            : { kind: 'requeue' },
        ),
      onError: (error) => {
        observer.unexpected(`queue ${queueName}`, error);
      },
    });
    if (this.#stopping === undefined) this.#serving.set(queueName, { consumer, concurrency });
    else await consumer.stop();
  }

  #leave(consumer: Consumer): void {
    const left = consumer.stop().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  #createEnvironment(): DeliveryEnvironment {
    const { database, occurrences, clock, catalog, executor, observer, record, random } =
      this.#options;
    return {
      database,
      occurrences,
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

  /** An engine that is away is told once by readiness, not every five seconds here. */
  #report(what: string, error: unknown): void {
    if (!hasCode(error, 'unavailable')) this.#options.observer.unexpected(what, error);
  }
}
