import type { RowEffects } from '#core/effects';
import type { Database } from '#storage/database';
import type { AuditRowRetention, Kept, RowRetentionOutcome } from '../audit-keeping.ts';
import { closeDays } from '../chain/close-days.ts';
import { damageLine } from '../chain/damage.ts';
import type { DayLedger } from '../chain/day-ledger.ts';
import type { DigestChain } from '../chain/digest-chain.ts';
import { hasEventRows, removalOf } from '../chain/event-rows.ts';
import { EVENTS_TABLE, PostgresTrail } from '../chain/postgres-trail.ts';
import { dayOf } from '../files/audit-files.ts';
import { type ChainAccess, withChain } from './chain-access.ts';

export interface AuditRowRetentionOptions extends ChainAccess {
  /** Reads the rows. */
  readonly database: Database;
  /** Deletes them, by a role that may. */
  readonly rows: RowEffects;
  /** See `PostgresTrail`. */
  readonly settle: () => Promise<number>;
}

const DAY_MS = 86_400_000;
const BATCH_ROWS = 10_000;

interface VerifiedPrefix {
  readonly fromDay: string | null;
  readonly toDay: string | null;
  readonly events: number;
  readonly kept: readonly Kept[];
}

/** The oldest closed days before `before` that are as they were digested, up to the first that is not. */
const verifyPrefix = async (
  ledger: DayLedger,
  trail: PostgresTrail,
  before: string,
  signal: AbortSignal,
): Promise<VerifiedPrefix> => {
  const days = [...ledger.days]
    .filter(([day, { segments }]) => day < before && segments.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  let [fromDay, toDay, events]: [string | null, string | null, number] = [null, null, 0];
  for (const [day, state] of days) {
    signal.throwIfAborted();
    const [damage] = (await trail.checkDay(day, state, signal)).damages;
    if (damage !== undefined) {
      const reason = `rows from ${day} on are kept, since that day is not as it was digested (${damageLine(damage)})`;
      return { fromDay, toDay, events, kept: [{ what: EVENTS_TABLE, reason }] };
    }
    fromDay ??= day;
    toDay = day;
    events += state.segments.reduce((sum, { count }) => sum + count, 0);
  }
  return { fromDay, toDay, events, kept: [] };
};

/** What the last removal announced and is still there, whichever run announced it. */
const deleteAnnounced = async (
  ledger: DayLedger,
  rows: RowEffects,
  signal: AbortSignal,
): Promise<number> => {
  const removal = ledger.lastRowRemoval;
  const covers = removal?.covers;
  if (removal === null || covers == null || !('to_id' in covers)) return 0;
  const { where, values } = removalOf(removal.to_day, covers.to_id);
  return rows.apply(
    {
      effect: 'delete_rows',
      table: EVENTS_TABLE,
      text: `DELETE FROM ${EVENTS_TABLE} WHERE id IN (SELECT id FROM ${EVENTS_TABLE} WHERE ${where} ORDER BY ts, id LIMIT ${BATCH_ROWS})`,
      countText: `SELECT count(*) AS count FROM ${EVENTS_TABLE} WHERE ${where}`,
      values,
      batchRows: BATCH_ROWS,
    },
    signal,
  );
};

/**
 * Removes rows by whole days, and only ever the beginning of the table's time:
 * islands around rows that stayed would look like tampering for ever. What goes
 * is written into the chain before the first row does.
 */
export const createAuditRowRetention = (options: AuditRowRetentionOptions): AuditRowRetention => {
  const { database, rows, settle } = options;

  const applyTo = async (
    chain: DigestChain,
    { now, retentionDays, signal }: Parameters<AuditRowRetention['apply']>[0],
  ): Promise<RowRetentionOutcome> => {
    const { ledger } = chain;
    const nothing = { closed: { days: 0, lateDigests: 0 }, deletedRows: 0 };
    if (chain.closedBecause !== null) {
      const reason = `the chain of digests is damaged, so nothing is removed (${chain.closedBecause})`;
      return { ...nothing, removedToDay: null, kept: [{ what: EVENTS_TABLE, reason }] };
    }
    if (ledger.firstDay === null && !(await hasEventRows(database)))
      return { ...nothing, removedToDay: null, kept: [] };
    const trail = new PostgresTrail({ database, settle });
    const closed = await closeDays({ chain, trail, now, signal });
    const before = dayOf(new Date(now.getTime() - retentionDays * DAY_MS));
    const prefix = await verifyPrefix(ledger, trail, before, signal);
    if (prefix.fromDay !== null && prefix.toDay !== null && prefix.events > 0)
      await chain.append({
        kind: 'removed',
        day: prefix.fromDay,
        to_day: prefix.toDay,
        what: 'rows',
        count: prefix.events,
        covers: { after_id: 0, to_id: Math.max(ledger.coveredToId, closed.settled) },
        sha256: null,
        reason: `older than ${retentionDays} days`,
      });
    return {
      closed,
      deletedRows: await deleteAnnounced(ledger, rows, signal),
      removedToDay: ledger.lastRowRemoval?.to_day ?? null,
      kept: prefix.kept,
    };
  };

  return { apply: (rule) => withChain(options, 'postgres', (chain) => applyTo(chain, rule)) };
};
