import type { RowEffects } from '#core/effects';
import type { Database } from '../database.ts';
import type { RowFence } from './row-fence.ts';

export interface LiveRowEffectsOptions {
  readonly database: Database;
  readonly fence: RowFence;
}

/** Changes rows, in the transaction in which the lease was seen to be held. */
export const createLiveRowEffects = ({ database, fence }: LiveRowEffectsOptions): RowEffects => ({
  async apply({ text, values, batchRows }, signal) {
    for (let touched = 0; ; ) {
      signal?.throwIfAborted();
      const rows = await database.transaction(async (sql) => {
        await fence.assertHeldIn(sql);
        return sql.execute(text, values);
      });
      touched += rows;
      if (batchRows === undefined || rows < batchRows) return touched;
    }
  },
});
