import type {
  CompactedRecord,
  DigestRecord,
  EventsRecord,
  RemovedRecord,
  TrailSource,
} from './digest-record.ts';

/** What the chain says about one day of files. */
export interface DayState {
  /** Digests of the events that ought to be there now, in order. */
  readonly segments: readonly EventsRecord[];
  /** The Parquet file that ought to be there, last, and the one it took the place of. */
  readonly compacted: readonly CompactedRecord[];
  /** The day's lines were removed, and nothing came since. */
  readonly removedLines: RemovedRecord | null;
  /** The Parquet file alone holds events whose lines are gone. */
  readonly hasOnlyParquet: boolean;
  /** Its announcement is the chain's newest record, so that it may not have taken its place yet. */
  readonly isParquetPending: boolean;
  /** A Parquet file was made of all there is, and nothing came since. */
  readonly isCompacted: boolean;
  /** The Parquet file was removed, and nothing came since. */
  readonly isParquetRemoved: boolean;
  /** How many late digests the day had, removed ones included. */
  readonly lateDigests: number;
}

const EMPTY: DayState = {
  segments: [],
  compacted: [],
  removedLines: null,
  hasOnlyParquet: false,
  isParquetPending: false,
  isCompacted: false,
  isParquetRemoved: false,
  lateDigests: 0,
};

const afterRemoval = (state: DayState, record: RemovedRecord): DayState => {
  switch (record.what) {
    case 'parquet':
      return {
        ...state,
        compacted: [],
        hasOnlyParquet: false,
        isCompacted: false,
        isParquetRemoved: true,
      };
    case 'announcement':
      return { ...state, compacted: state.compacted.slice(0, -1), isCompacted: false };
    case 'lines':
    case 'rows':
      return {
        ...state,
        segments: [],
        removedLines: record,
        hasOnlyParquet: state.compacted.length > 0,
      };
  }
};

const next = (state: DayState, record: DigestRecord): DayState => {
  switch (record.kind) {
    case 'day':
    case 'late':
      return {
        ...state,
        segments: [...state.segments, record],
        removedLines: null,
        isCompacted: false,
        isParquetRemoved: false,
        lateDigests: state.lateDigests + (record.kind === 'late' ? 1 : 0),
      };
    case 'compacted':
      return {
        ...state,
        compacted: [...state.compacted.slice(-1), record],
        hasOnlyParquet: state.hasOnlyParquet || record.origin === 'found',
        isCompacted: record.origin === 'made',
        isParquetRemoved: false,
      };
    case 'removed':
      return afterRemoval(state, record);
  }
};

/** Adds up the records of a chain, in their order, to what ought to be there. */
export class DayLedger {
  readonly source: TrailSource;
  readonly #days = new Map<string, DayState>();
  firstDay: string | null = null;
  /** The newest day that has its own digest. */
  lastDay: string | null = null;
  /** Rows: up to this id the last close found everything. */
  coveredToId = 0;
  newest: DigestRecord | null = null;
  /** Rows: the last removal; it takes in all before it, since only prefixes are removed. */
  lastRowRemoval: RemovedRecord | null = null;

  constructor(source: TrailSource) {
    this.source = source;
  }

  get days(): ReadonlyMap<string, DayState> {
    return this.#days;
  }

  of(day: string): DayState {
    const state = this.#days.get(day) ?? EMPTY;
    const isParquetPending = this.newest?.kind === 'compacted' && this.newest.day === day;
    return isParquetPending ? { ...state, isParquetPending } : state;
  }

  add(record: DigestRecord): void {
    this.newest = record;
    if (record.kind === 'day') {
      this.firstDay ??= record.day;
      this.lastDay = record.day;
      if ('to_id' in record.covers) this.coveredToId = record.covers.to_id;
    }
    if (record.kind === 'removed' && record.what === 'rows') {
      this.lastRowRemoval = record;
      for (const [day, state] of this.#days)
        if (day <= record.to_day) this.#days.set(day, next(state, record));
      return;
    }
    this.#days.set(record.day, next(this.#days.get(record.day) ?? EMPTY, record));
  }
}

/** Where the digests of a day end: the byte or id from which on nothing is covered. */
export const coveredTo = ({ segments }: DayState): number => {
  const covers = segments.at(-1)?.covers;
  if (covers === undefined) return 0;
  return 'to_byte' in covers ? covers.to_byte : covers.to_id;
};
