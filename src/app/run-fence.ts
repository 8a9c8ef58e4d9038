import { AppError } from '#core/errors';
import { isLeaseHeld, type Lease } from '#runner/ledger/leases';
import type { Database, Sql } from '#storage/database';

/** What every write of a real run asks first: is the run still ours? */
export class RunFence {
  readonly #database: Database;
  readonly #lease: Lease;

  constructor(database: Database, lease: Lease) {
    this.#database = database;
    this.#lease = lease;
  }

  /** Throws `lease_lost` when another worker took the run over or the run has ended. */
  assertHeld(): Promise<void> {
    return this.#database.transaction((sql) => this.assertHeldIn(sql));
  }

  /** The same within a transaction, which then keeps the lease from being taken until it ends. */
  async assertHeldIn(sql: Sql): Promise<void> {
    if (!(await isLeaseHeld(sql, this.#lease)))
      throw new AppError('lease_lost', 'another worker took the run over; this write is void');
  }
}
