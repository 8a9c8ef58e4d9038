import type { Sql } from '../database.ts';

/** The fence as a condition inside the transaction that changes rows. */
export interface RowFence {
  /**
   * Throws AppError `lease_lost` when the lease is not held; while it is, keeps
   * others from taking it until the transaction ends.
   */
  assertHeldIn(sql: Sql): Promise<void>;
}
