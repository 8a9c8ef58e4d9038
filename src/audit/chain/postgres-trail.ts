import type { Database } from '#storage/database';
import { describeDifference, isSame } from './compare-digests.ts';
import type { Damage, Uncovered } from './damage.ts';
import { coveredTo, type DayLedger, type DayState } from './day-ledger.ts';
import { addDays } from './days.ts';
import type { EventsDigest } from './digest-record.ts';
import {
  countRowsByDay,
  countRowsOfDay,
  firstRowDay,
  type RowRange,
  readRowLines,
  removalOf,
} from './event-rows.ts';
import { type EventTime, LineDigester } from './line-digester.ts';
import type { DayCheck, Trail } from './trail.ts';

export interface PostgresTrailOptions {
  /** A role that may read the table. */
  readonly database: Database;
  /** The highest id up to which all rows are in sight; what it needs is the caller's to choose. */
  readonly settle: () => Promise<number>;
}

export const EVENTS_TABLE = 'tool_audit_events';

/** The third element of a canonical row: microseconds since 1970, which a Date cannot hold whole. */
const timeOfRow = (line: Buffer): EventTime | undefined => {
  const [, micros] = /^\[[^,]*, [^,]*, (-?\d+)/.exec(line.toString('latin1', 0, 120)) ?? [];
  if (micros === undefined) return undefined;
  const ms = Math.floor(Number(micros) / 1000);
  const below = String(Number(micros) - ms * 1000).padStart(3, '0');
  return { text: new Date(ms).toISOString().replace('Z', `${below}Z`), ms: Number(micros) };
};

/** Rows of `tool_audit_events` by UTC day, in order of `ts` and id. */
export class PostgresTrail implements Trail {
  readonly source = 'postgres';
  readonly #database: Database;
  readonly #settle: () => Promise<number>;

  constructor({ database, settle }: PostgresTrailOptions) {
    this.#database = database;
    this.#settle = settle;
  }

  settle(): Promise<number> {
    return this.#settle();
  }

  async listPendingDays(ledger: DayLedger, before: string): Promise<readonly string[]> {
    if (ledger.lastDay === null) {
      const first = await firstRowDay(this.#database);
      if (first === null || first >= before) return [];
    }
    const counts = await countRowsByDay(this.#database, ledger.coveredToId, before);
    return counts.map(({ day }) => day);
  }

  async digestBeyond(
    day: string,
    state: DayState,
    settled: number,
    signal: AbortSignal,
  ): Promise<EventsDigest> {
    const afterId = Math.max(coveredTo(state), removedTo(state));
    const toId = Math.max(afterId, settled);
    const digest = await this.#digest({ day, afterId, toId }, signal);
    return { covers: { after_id: afterId, to_id: toId }, ...digest };
  }

  async checkDay(day: string, state: DayState, signal: AbortSignal): Promise<DayCheck> {
    const damages: Damage[] = [];
    let eventsBefore = 0;
    for (const expected of state.segments) {
      const { covers } = expected;
      if (!('to_id' in covers)) continue;
      const range = { day, afterId: covers.after_id, toId: covers.to_id };
      const found = await this.#digest(range, signal);
      if (!isSame(expected, found))
        damages.push(
          describeDifference({
            day,
            place: EVENTS_TABLE,
            noun: 'rows',
            expected,
            found,
            eventsBefore,
            expectedTotal: expected.count,
            foundTotal: found,
            expectedEnd: expected.last_line,
          }),
        );
      eventsBefore += expected.count;
    }
    return { damages, uncovered: [] };
  }

  async listUncovered(
    ledger: DayLedger,
    range: { readonly from: string; readonly to: string },
  ): Promise<readonly Uncovered[]> {
    const uncovered: Uncovered[] = [...(await this.#unfinishedRemoval(ledger))];
    const after = addDays(range.to, 1);
    for (const { day, events } of await countRowsByDay(this.#database, ledger.coveredToId, after)) {
      if (day < range.from) continue;
      const isClosed = ledger.lastDay !== null && day <= ledger.lastDay;
      if (!isClosed) uncovered.push({ day, events, why: 'not closed yet' });
      else {
        const state = ledger.of(day);
        const covered = Math.max(coveredTo(state), removedTo(state));
        const late = await countRowsOfDay(this.#database, day, covered);
        if (late > 0) uncovered.push({ day, events: late, why: 'stored after its day was closed' });
      }
    }
    return uncovered;
  }

  async #unfinishedRemoval({ lastRowRemoval }: DayLedger): Promise<readonly Uncovered[]> {
    const covers = lastRowRemoval?.covers;
    if (lastRowRemoval === null || covers == null || !('to_id' in covers)) return [];
    const { where, values } = removalOf(lastRowRemoval.to_day, covers.to_id);
    const [row] = await this.#database.query<{ events: number }>(
      `SELECT count(*) AS events FROM ${EVENTS_TABLE} WHERE ${where}`,
      values,
    );
    const events = row?.events ?? 0;
    return events === 0
      ? []
      : [{ day: lastRowRemoval.day, events, why: 'removal not finished' as const }];
  }

  async #digest(range: RowRange, signal: AbortSignal) {
    const digester = new LineDigester(timeOfRow);
    await readRowLines(this.#database, range, {
      signal,
      onPage: (lines) => digester.add(lines),
    });
    return digester.digest();
  }
}

/** Up to which id the day's rows were removed. */
const removedTo = ({ removedLines }: DayState): number => {
  const covers = removedLines?.covers;
  return covers != null && 'to_id' in covers ? covers.to_id : 0;
};
