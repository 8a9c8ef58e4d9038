import type { Effect, RowEffects } from '#core/effects';
import { AppError } from '#core/errors';
import type { Database } from '../database.ts';

export interface RecordingRowEffectsOptions {
  readonly database: Database;
  record(effect: Effect): void;
  /** Default 1,000: live work never waits for a dry-run, nor a dry-run long for live work. */
  readonly lockTimeoutMs?: number;
  /** Default 30,000. */
  readonly statementTimeoutMs?: number;
}

/** Counts what the change would touch, in a transaction that cannot write. */
export const createRecordingRowEffects = (options: RecordingRowEffectsOptions): RowEffects => ({
  apply: (change) =>
    options.database.transaction(async (sql) => {
      await sql.execute('SET TRANSACTION READ ONLY');
      await sql.query(
        "SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)",
        [String(options.lockTimeoutMs ?? 1000), String(options.statementTimeoutMs ?? 30_000)],
      );
      const [row] = await sql.query<{ count: number | string }>(change.countText, change.values);
      const rows = Number(row?.count);
      if (!Number.isSafeInteger(rows)) {
        throw new AppError('internal', `Counting rows of ${change.table} gave no count.`);
      }
      if (rows > 0) options.record({ effect: change.effect, table: change.table, rows });
      return rows;
    }),
});
