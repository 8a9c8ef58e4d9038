import type { Clock } from '#core/clock';
import { hasCode } from '#core/errors';
import type { Service } from '#core/service';
import type { QueueEngine } from '#queue/queue-port';
import type { Database, Subscription } from '#storage/database';
import { RUN_ENDED_CHANNEL } from '../ledger/finish-run.ts';
import type { OccurrenceLedger } from '../ledger/occurrence-ledger.ts';
import {
  clearRecoveredAlarms,
  raiseOccurrenceAlarms,
  type TaskAlarm,
} from '../ledger/task-alarms.ts';
import { removeDeadWorkers } from '../ledger/workers.ts';
import { type Recovered, recoverRuns } from '../recover-runs.ts';
import type { Run } from '../run.ts';
import { type Reconciled, reconcileSchedules } from '../schedule/reconcile-schedules.ts';
import type { TaskCatalog } from '../task-catalog.ts';
import { dispatchBackfills } from './dispatch-backfills.ts';
import { remakePartialRuns } from './remake-partial-runs.ts';
import { reportDifferences } from './schedule-alarms.ts';
import { type SettledOccurrences, settleOccurrences } from './settle-occurrences.ts';
import { watchCadence } from './watch-cadence.ts';

/** How often the ledger is looked through; what nobody delivered starts within this and the delivery's grace. */
const SUPERVISE_EVERY_MS = 5_000;
const RECOVER_EVERY_MS = 10_000;
/** An emptied or edited queue engine has its schedules back after this long at the latest. */
const RECONCILE_EVERY_MS = 60_000;
/** Looks at every task's latest starts, so not as often as the rest. */
const CADENCE_EVERY_MS = 300_000;
/** Reports on incomplete data wait ten minutes at least, so a minute more is little. */
const REMAKE_EVERY_MS = 60_000;
/** Ends of runs that follow each other closely make one look. */
const WAKE_AFTER_MS = 250;
/** The look at the start ends after this, however much was missed; the next ones go on. */
const FIRST_LOOK_MS = 10_000;

export interface SupervisorObserver {
  recovered(recovered: Recovered): void;
  settled(settled: SettledOccurrences): void;
  /** Reports that were built on incomplete data are made again. */
  remade(runs: readonly Run[]): void;
  /** The engine's schedules were not what the registry says: emptied, edited or deleted behind our back. */
  schedulesDiffered(reconciled: Reconciled): void;
  alarmRaised(alarm: TaskAlarm): void;
  alarmCleared(alarm: TaskAlarm): void;
  unexpected(what: string, error: unknown): void;
}

export interface SupervisorOptions {
  readonly database: Database;
  readonly ledger: OccurrenceLedger;
  readonly queue: QueueEngine;
  readonly catalog: TaskCatalog;
  readonly clock: Clock;
  readonly observer: SupervisorObserver;
}

/**
 * Holds what happened against what should have: opens and settles occurrences,
 * mends the engine's schedules, recovers runs, raises alarms. Every process of
 * the system has one, gateways too, and one at a time does the work, so that a
 * worker is supervised by others than itself.
 */
export class Supervisor implements Service {
  readonly name = 'supervisor';
  readonly #options: SupervisorOptions;
  readonly #stopped = new AbortController();
  #stopTimers: (() => void)[] = [];
  #subscription: Subscription | undefined;
  #work: Promise<void> = Promise.resolve();
  #isWoken = false;
  /** Which errands wait for their turn; one of a kind is enough. */
  readonly #waiting = new Set<string>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Resolves after the first look, so that workers start when what was missed is decided. */
  async start(): Promise<void> {
    const { clock, database } = this.#options;
    const until = clock.now().getTime() + FIRST_LOOK_MS;
    await this.#errand('supervision', () => this.#supervise(() => clock.now().getTime() < until));
    if (this.#stopped.signal.aborted) return;
    this.#stopTimers = [
      clock.every(SUPERVISE_EVERY_MS, () => this.superviseSoon()),
      clock.every(RECOVER_EVERY_MS, () => void this.#errand('recovery', () => this.#recover())),
      clock.every(RECONCILE_EVERY_MS, () => this.reconcileSoon()),
      clock.every(CADENCE_EVERY_MS, () => void this.#errand('cadence', () => this.#watchCadence())),
      clock.every(REMAKE_EVERY_MS, () => this.remakeSoon()),
    ];
    const subscription = await database.listen(RUN_ENDED_CHANNEL, () => this.#wake());
    if (this.#stopped.signal.aborted) await subscription.close();
    else this.#subscription = subscription;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const stopTimer of this.#stopTimers) stopTimer();
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.close();
    await this.#work;
  }

  superviseSoon(): void {
    void this.#errand('supervision', () => this.#supervise(() => true));
  }

  remakeSoon(): void {
    void this.#errand('partial reports', () => this.#remake());
  }

  reconcileSoon(): void {
    void this.#errand('schedules', () => this.#reconcile());
  }

  /** A run that ended may let others go: those that come after it, and the next one to catch up. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    void this.#options.clock.sleep(WAKE_AFTER_MS, this.#stopped.signal).then(() => {
      this.#isWoken = false;
      this.superviseSoon();
    });
  }

  /** One errand at a time and one of a kind in the line, so that a slow database does not pile them up. */
  #errand(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#waiting.has(what)) return this.#work;
    this.#waiting.add(what);
    this.#work = this.#work.then(async () => {
      this.#waiting.delete(what);
      if (this.#stopped.signal.aborted) return;
      try {
        await work();
      } catch (error) {
        // An engine that is away is told once by readiness, not every five seconds here.
        if (!hasCode(error, 'unavailable')) this.#options.observer.unexpected(what, error);
      }
    });
    return this.#work;
  }

  async #supervise(mayGoOn: () => boolean): Promise<void> {
    const { database, ledger, queue, observer } = this.#options;
    await ledger.asLeader('supervision', async () => {
      try {
        const settled = await settleOccurrences({
          ledger,
          queue,
          mayGoOn: () => mayGoOn() && !this.#stopped.signal.aborted,
        });
        if (settled.started.length + settled.closed.length > 0) observer.settled(settled);
        await dispatchBackfills(this.#options);
      } catch (error) {
        // Alarms are raised all the more while the queue engine is away.
        if (!hasCode(error, 'unavailable')) throw error;
      }
      for (const alarm of await raiseOccurrenceAlarms(database)) observer.alarmRaised(alarm);
      for (const alarm of await clearRecoveredAlarms(database)) observer.alarmCleared(alarm);
    });
  }

  async #recover(): Promise<void> {
    const { database, queue, catalog, observer } = this.#options;
    const recovered = await recoverRuns(database, queue, catalog);
    if (recovered !== null && Object.values(recovered).some((runs) => runs.length > 0))
      observer.recovered(recovered);
    await removeDeadWorkers(database);
  }

  async #reconcile(): Promise<void> {
    const { database, ledger, queue, observer } = this.#options;
    await ledger.asLeader('schedules', async () => {
      const reconciled = await reconcileSchedules({ ledger, queue });
      if (reconciled === null) return;
      if (reconciled.differences.length > 0) observer.schedulesDiffered(reconciled);
      const { raised, cleared } = await reportDifferences(database, reconciled);
      for (const alarm of raised) observer.alarmRaised(alarm);
      for (const alarm of cleared) observer.alarmCleared(alarm);
    });
  }

  async #remake(): Promise<void> {
    const { ledger, observer } = this.#options;
    await ledger.asLeader('partial reports', async () => {
      const remade = await remakePartialRuns(this.#options);
      if (remade.length > 0) observer.remade(remade);
    });
  }

  async #watchCadence(): Promise<void> {
    const { database, ledger, observer } = this.#options;
    await ledger.asLeader('cadence', async () => {
      const { raised, cleared } = await watchCadence(database);
      for (const alarm of raised) observer.alarmRaised(alarm);
      for (const alarm of cleared) observer.alarmCleared(alarm);
    });
  }
}
