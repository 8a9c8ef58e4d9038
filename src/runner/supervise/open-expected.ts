import { nextStep } from '../ledger/expected-rows.ts';
import type { OccurrenceLedger } from '../ledger/occurrence-ledger.ts';

/** Tasks whose rows are opened by one statement. */
const BATCH = 500;

/** Gives every occurrence that fell due its row. Answers whether more are left when `mayGoOn` says no. */
export const openExpected = async (
  ledger: OccurrenceLedger,
  mayGoOn: () => boolean,
): Promise<{ readonly isComplete: boolean }> => {
  const now = await ledger.now();
  for (;;) {
    const cursors = await ledger.listCursors(now, BATCH);
    if (cursors.length === 0) return { isComplete: true };
    await ledger.advance(cursors.map((cursor) => nextStep(cursor, now)));
    if (!mayGoOn()) return { isComplete: false };
  }
};
