import { dayOf } from '../files/audit-files.ts';
import { addDays, daysBetween } from './days.ts';
import type { DigestChain } from './digest-chain.ts';
import type { Trail } from './trail.ts';

export interface ClosedDays {
  readonly days: number;
  readonly lateDigests: number;
  readonly events: number;
  /** What the trail's `settle` answered; 0 when there was nothing to close. */
  readonly settled: number;
}

/** A chain begins at most this far back; what is older gets late digests, so that one stray event does not make a century of empty days. */
const LONGEST_HISTORY_DAYS = 3660;

/**
 * Gives every day that is over (UTC) its digest, in order, empty days too, from
 * the first that holds anything. Events that were stored for a closed day since
 * get late digests first: a day's own digest therefore says that up to it
 * nothing was left out, also after a crash in between.
 */
export const closeDays = async (request: {
  readonly chain: DigestChain;
  readonly trail: Trail;
  readonly now: Date;
  readonly signal: AbortSignal;
}): Promise<ClosedDays> => {
  const { chain, trail, now, signal } = request;
  const { ledger } = chain;
  const today = dayOf(now);
  const yesterday = addDays(today, -1);
  if (ledger.lastDay === null && (await trail.listPendingDays(ledger, today)).length === 0)
    return { days: 0, lateDigests: 0, events: 0, settled: 0 };
  const settled = await trail.settle(signal);
  const pending = await trail.listPendingDays(ledger, today);
  const earliest = addDays(yesterday, -LONGEST_HISTORY_DAYS);
  const begin =
    ledger.lastDay === null ? pending.find((day) => day >= earliest) : addDays(ledger.lastDay, 1);
  let [lateDigests, events] = [0, 0];
  for (const day of pending.filter((each) => begin === undefined || each < begin)) {
    signal.throwIfAborted();
    const digest = await trail.digestBeyond(day, ledger.of(day), settled, signal);
    if (digest.count === 0) continue;
    await chain.append({ kind: 'late', day, ...digest });
    lateDigests += 1;
    events += digest.count;
  }
  const open = begin === undefined ? [] : daysBetween(begin, yesterday);
  for (const day of open) {
    signal.throwIfAborted();
    const digest = await trail.digestBeyond(day, ledger.of(day), settled, signal);
    await chain.append({ kind: 'day', day, ...digest });
    events += digest.count;
  }
  return { days: open.length, lateDigests, events, settled };
};
