import type { Clock } from '#core/clock';
import type { Service } from '#core/service';
import type { Database, Subscription } from '#storage/database';
import { CANCEL_CHANNEL } from './cancel-run.ts';
import { type Lease, renewLeases } from './ledger/leases.ts';

/** A third of the lease, so that two renewals may fail; also the poll for cancellations. */
const RENEW_EVERY_MS = 5_000;

export interface HeldLease {
  readonly lease: Lease;
  readonly onLost: () => void;
  readonly onCancel: (cancel: { readonly by: string; readonly reason: string }) => void;
}

/**
 * Renews the leases of this process's runs and tells a run that somebody wants
 * it cancelled, by notification at once or by the next renewal. While the
 * ledger is away leases are neither renewed nor lost: nobody else can take them.
 */
export class LeaseKeeper implements Service {
  readonly name = 'lease keeper';
  readonly #held = new Map<number, HeldLease>();
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #stopTimer: (() => void) | undefined;
  #subscription: Subscription | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly onError: (error: unknown) => void;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#onError = options.onError;
  }

  async start(): Promise<void> {
    this.#stopTimer = this.#clock.every(RENEW_EVERY_MS, () => this.renewSoon());
    const subscription = await this.#database.listen(CANCEL_CHANNEL, (runId) => {
      if ([...this.#held.values()].some(({ lease }) => lease.runId === runId)) this.renewSoon();
    });
    if (this.#stopped) await subscription.close();
    else this.#subscription = subscription;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopTimer?.();
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.close();
    await this.#renewing;
  }

  hold(held: HeldLease): void {
    this.#held.set(held.lease.token, held);
  }

  drop(lease: Lease): void {
    this.#held.delete(lease.token);
  }

  /** One renewal at a time; a call during one is followed by another, so that no notification is missed. */
  renewSoon(): void {
    this.#renewing = this.#renewing.then(() => this.#renew()).catch(this.#onError);
  }

  async #renew(): Promise<void> {
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    const renewed = await renewLeases(
      this.#database,
      held.map(({ lease }) => lease),
    );
    const byToken = new Map(renewed.map((lease) => [lease.token, lease]));
    for (const each of held) {
      // Dropped while the statement was under way: its run has ended.
      if (!this.#held.has(each.lease.token)) continue;
      const kept = byToken.get(each.lease.token);
      if (kept === undefined) {
        this.#held.delete(each.lease.token);
        each.onLost();
      } else if (kept.cancel !== null) {
        each.onCancel(kept.cancel);
      }
    }
  }
}
