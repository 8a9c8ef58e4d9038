import type { Damage, Uncovered } from './damage.ts';
import type { DayLedger, DayState } from './day-ledger.ts';
import type { EventsDigest, TrailSource } from './digest-record.ts';

export interface DayCheck {
  readonly damages: readonly Damage[];
  readonly uncovered: readonly Uncovered[];
}

/** The events that a chain speaks for. Reads only. */
export interface Trail {
  readonly source: TrailSource;
  /**
   * A point up to which everything stored is in sight and nothing more will
   * come: for rows the highest id, for files, whose bytes are their own order, 0.
   */
  settle(signal: AbortSignal): Promise<number>;
  /** Days before `before` for which something is stored that no digest covers, or may be; in order. */
  listPendingDays(ledger: DayLedger, before: string): Promise<readonly string[]>;
  /** Digests what the day holds beyond what is covered; the count is 0 when that is nothing. */
  digestBeyond(
    day: string,
    state: DayState,
    settled: number,
    signal: AbortSignal,
  ): Promise<EventsDigest>;
  /** Whether the day's events are those of its digests. */
  checkDay(day: string, state: DayState, signal: AbortSignal): Promise<DayCheck>;
  /** What is stored for days in `[from, to]` outside of any digest, beyond what `checkDay` sees. */
  listUncovered(
    ledger: DayLedger,
    range: { readonly from: string; readonly to: string },
  ): Promise<readonly Uncovered[]>;
}
