import { dayOf } from '../files/audit-files.ts';
import type { ChainPlace } from './chain-place.ts';
import { byDay, type Damage, type Uncovered } from './damage.ts';
import type { DayLedger, DayState } from './day-ledger.ts';
import { addDays } from './days.ts';
import type { TrailSource } from './digest-record.ts';
import { inspectChain } from './inspect-chain.ts';
import { readChain } from './read-chain.ts';
import type { DayCheck, Trail } from './trail.ts';

export interface Verification {
  readonly source: TrailSource;
  /** Digest files that are there. */
  readonly digests: number;
  /** The chain's closed days; null before the first is closed. */
  readonly firstDay: string | null;
  readonly lastDay: string | null;
  readonly daysChecked: number;
  /** In days that are as they were digested. */
  readonly eventsVerified: number;
  /** By day; the first is the first in time. */
  readonly damages: readonly Damage[];
  readonly uncovered: readonly Uncovered[];
}

const FIRST = '0000-00-00';
/** How often a day is looked at that changes while it is looked at. */
const LOOKS = 3;

interface CheckedDay {
  readonly state: DayState;
  readonly check: DayCheck;
}

interface VerifyRequest {
  readonly place: ChainPlace;
  readonly trail: Trail;
  readonly signal: AbortSignal;
}

const isMissingFile = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/**
 * Checks a day, and again when something is wrong with it while the chain has
 * grown, or a file went, meanwhile: retention beside us announces what it
 * removes, and is no damage.
 */
const checkCalmly = async (
  { trail, place, signal }: VerifyRequest,
  day: string,
  ledger: DayLedger,
  digests: number,
  look = 1,
): Promise<CheckedDay> => {
  const state = ledger.of(day);
  let check: DayCheck | undefined;
  try {
    check = await trail.checkDay(day, state, signal);
    if (check.damages.length === 0 || look === LOOKS) return { state, check };
  } catch (error) {
    if (!isMissingFile(error) || look === LOOKS) throw error;
  }
  const chain = await readChain(place);
  if (check !== undefined && chain.digests.length === digests) return { state, check };
  const fresh = inspectChain(chain, trail.source).ledger;
  return checkCalmly({ trail, place, signal }, day, fresh, chain.digests.length, look + 1);
};

/**
 * Walks a chain and recomputes each day in `[from, to]` whose events ought to
 * be there; the chain itself is always walked whole. Changes nothing.
 */
export const verifyTrail = async (
  request: VerifyRequest & {
    /** Days, inclusive. */
    readonly from?: string;
    readonly to?: string;
    readonly now: Date;
  },
): Promise<Verification> => {
  const { place, trail, now, signal } = request;
  const today = dayOf(now);
  const range = { from: request.from ?? FIRST, to: request.to ?? today };
  const chain = await readChain(place);
  const { ledger, damages: chainDamages } = inspectChain(chain, trail.source);
  const damages: Damage[] = chainDamages.filter(
    ({ day, kind }) => kind === 'key missing' || (day >= range.from && day <= range.to),
  );
  const uncovered: Uncovered[] = [];
  let [daysChecked, eventsVerified] = [0, 0];
  if (!damages.some(({ kind }) => kind === 'key missing')) {
    const pending = await trail.listPendingDays(ledger, addDays(range.to, 1));
    const days = new Set([...ledger.days.keys(), ...pending]);
    for (const day of [...days].sort()) {
      if (day < range.from || day > range.to) continue;
      signal.throwIfAborted();
      const { state, check } = await checkCalmly(request, day, ledger, chain.digests.length);
      damages.push(...check.damages);
      uncovered.push(...check.uncovered);
      if (state.segments.length === 0 && state.compacted.length === 0) continue;
      daysChecked += 1;
      if (check.damages.length > 0) continue;
      eventsVerified += state.segments.reduce((sum, { count }) => sum + count, 0);
    }
    uncovered.push(...(await trail.listUncovered(ledger, range)));
  }
  return {
    source: trail.source,
    digests: chain.digests.length,
    firstDay: ledger.firstDay,
    lastDay: ledger.lastDay,
    daysChecked,
    eventsVerified,
    damages: byDay(damages),
    uncovered: byDay(uncovered),
  };
};
