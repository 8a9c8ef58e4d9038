import type { Damage, DamageKind } from './damage.ts';
import type { EventsDigest } from './digest-record.ts';
import { BLOCK_LINES } from './line-digester.ts';

export type FoundEvents = Omit<EventsDigest, 'covers'>;

export interface Comparison {
  readonly day: string;
  /** File or table. */
  readonly place: string;
  readonly noun: 'lines' | 'rows';
  readonly expected: EventsDigest;
  /** What stands now where the digest says that its events are. */
  readonly found: FoundEvents;
  /** Events of the day before these, by their digests. */
  readonly eventsBefore: number;
  /** Of the whole day. More may be found than expected without harm: they came later. */
  readonly expectedTotal: number;
  readonly foundTotal: FoundEvents;
  /** The last line of the day's last digest. */
  readonly expectedEnd: string | null;
}

const firstDifference = ({ expected, found }: Comparison): number => {
  const at = expected.blocks.findIndex((block, index) => found.blocks[index] !== block);
  return at === -1 ? Math.max(0, expected.blocks.length - 1) : at;
};

const kindOf = (comparison: Comparison, block: number): DamageKind => {
  const { expected, found, expectedTotal, foundTotal, expectedEnd } = comparison;
  if (foundTotal.count < expectedTotal) {
    const isLastBlock = block >= expected.blocks.length - 1;
    return foundTotal.count > 0 && isLastBlock && foundTotal.last_line !== expectedEnd
      ? 'truncated'
      : 'lost';
  }
  const isAligned = found.count === expected.count && found.last_line === expected.last_line;
  if (foundTotal.count > expectedTotal && !isAligned) return 'inserted';
  return found.count === expected.count && found.order_free === expected.order_free
    ? 'reordered'
    : 'altered';
};

const DETAILS: Partial<Record<DamageKind, string>> = {
  altered: 'the content differs from what was digested',
  reordered: 'the same content stands in another order',
};

const detailOf = (kind: DamageKind, { noun, expectedTotal, foundTotal }: Comparison): string => {
  const counts = `${foundTotal.count} ${noun} where ${expectedTotal} were digested`;
  if (foundTotal.count === 0) return `all ${expectedTotal} ${noun} are gone`;
  if (kind === 'truncated') return `the end is missing: ${counts}`;
  return DETAILS[kind] ?? counts;
};

/** What became of events that are no longer what their digest says. */
export const describeDifference = (comparison: Comparison): Damage => {
  const { day, place, noun, expected, eventsBefore } = comparison;
  const block = firstDifference(comparison);
  const kind = kindOf(comparison, block);
  const from = eventsBefore + block * BLOCK_LINES + 1;
  const to = eventsBefore + Math.min(expected.count, (block + 1) * BLOCK_LINES);
  return {
    day,
    kind,
    place,
    range: expected.count === 0 ? null : `${noun} ${from} to ${to}`,
    detail: detailOf(kind, comparison),
  };
};

export const isSame = (expected: FoundEvents, found: FoundEvents): boolean =>
  expected.sha256 === found.sha256 && expected.count === found.count;
