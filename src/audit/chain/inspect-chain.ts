import type { Damage } from './damage.ts';
import { DayLedger } from './day-ledger.ts';
import { addDays } from './days.ts';
import type { DigestRecord, TrailSource } from './digest-record.ts';
import { type FoundChain, type FoundDigest, hasBegun } from './read-chain.ts';

export interface InspectedChain {
  /** Of the digests that can be trusted. */
  readonly ledger: DayLedger;
  readonly damages: readonly Damage[];
  /** The digest that the next one follows; undefined before the first. */
  readonly head: FoundDigest | undefined;
  /** Why nothing may be added to the chain, or null. */
  readonly closedBecause: string | null;
}

const placeOf = (source: TrailSource, name = ''): string => `digests/${source}/${name}`;

const seqRange = (from: number, to: number): string => {
  const shown = (seq: number): string => String(seq).padStart(8, '0');
  return from === to ? `number ${shown(from)}` : `numbers ${shown(from)} to ${shown(to)}`;
};

const missing = (source: TrailSource, day: string, from: number, to: number): Damage => ({
  day,
  kind: 'digest missing',
  place: placeOf(source),
  range: seqRange(from, to),
  detail: `${to - from + 1} digest file${from === to ? ' is' : 's are'} gone; what they covered cannot be verified`,
});

/** The day that a gap before `next` most likely began with. */
const dayOfGap = (lastDay: string | null, next: FoundDigest | undefined, fallback: string) => {
  const expected = lastDay === null ? fallback : addDays(lastDay, 1);
  return next !== undefined && next.day < expected ? next.day : expected;
};

const linkDamage = (
  digest: FoundDigest,
  record: DigestRecord,
  before: FoundDigest | undefined,
  lastDay: string | null,
  source: TrailSource,
): Damage | undefined => {
  const broken = (detail: string): Damage => ({
    day: digest.day,
    kind: 'chain broken',
    place: placeOf(source, digest.name),
    range: null,
    detail,
  });
  if (before === undefined)
    return digest.seq === 1 && record.previous_sha256 !== null
      ? broken('the first digest names one before it')
      : undefined;
  if (before.seq === digest.seq) return broken('a second digest has the same number');
  // A predecessor that is wrong itself, or missing, is told as that.
  if (before.seq !== digest.seq - 1 || before.record === undefined) return undefined;
  if (record.previous_sha256 !== before.sha256)
    return broken('the digest before it is not the one that it follows');
  if (record.kind === 'day' && lastDay !== null && record.day !== addDays(lastDay, 1))
    return broken(`it follows ${lastDay}, and the days between have no digest`);
  return undefined;
};

/** Walks the digests in their order: numbers without gaps, signatures, hashes of predecessors, days. */
const walk = (
  { digests, anchor }: FoundChain,
  source: TrailSource,
): { readonly ledger: DayLedger; readonly damages: Damage[] } => {
  const ledger = new DayLedger(source);
  const damages: Damage[] = [];
  let before: FoundDigest | undefined;
  for (const digest of digests) {
    const expected = (before?.seq ?? 0) + 1;
    if (digest.seq > expected) {
      const first = anchor.kind === 'found' ? anchor.anchor.first_day : digest.day;
      const day = dayOfGap(ledger.lastDay, digest, first);
      damages.push(missing(source, day, expected, digest.seq - 1));
    }
    const { record } = digest;
    if (record === undefined) {
      damages.push({
        day: digest.day,
        kind: 'signature wrong',
        place: placeOf(source, digest.name),
        range: null,
        detail: 'the digest file is not what our key has signed under this name',
      });
    } else {
      const damage = linkDamage(digest, record, before, ledger.lastDay, source);
      if (damage !== undefined) damages.push(damage);
      if (before?.seq !== digest.seq) ledger.add(record);
    }
    before = digest;
  }
  return { ledger, damages };
};

const anchorDamage = (chain: FoundChain, ledger: DayLedger): Damage | undefined => {
  const { digests, anchor } = chain;
  const { source } = ledger;
  const last = digests.at(-1);
  const firstDay = digests[0]?.day ?? '';
  if (anchor.kind !== 'found') {
    // A first digest whose anchor was never written is what a crash leaves.
    if (last === undefined || (anchor.kind === 'missing' && last.seq === 1)) return undefined;
    return {
      day: firstDay,
      kind: 'anchor missing',
      place: 'audit-chain/ of the data directory',
      range: null,
      detail: `the anchor of the chain is ${anchor.kind}, so it cannot be told whether its newest digests are all here`,
    };
  }
  const { seq, sha256, last_day, first_day } = anchor.anchor;
  if ((last?.seq ?? 0) < seq) {
    const day = last === undefined ? first_day : dayOfGap(ledger.lastDay, undefined, first_day);
    return missing(source, day <= last_day ? day : last_day, (last?.seq ?? 0) + 1, seq);
  }
  const anchored = digests.find((digest) => digest.seq === seq);
  if (anchored === undefined || anchored.record === undefined || anchored.sha256 === sha256)
    return undefined;
  return {
    day: anchored.day,
    kind: 'chain broken',
    place: placeOf(source, anchored.name),
    range: null,
    detail: 'it is not the digest that the anchor remembers',
  };
};

const reasonToStop = (
  chain: FoundChain,
  damages: readonly Damage[],
  anchorFault: Damage | undefined,
): string | null => {
  const { digests, anchor, key } = chain;
  if (hasBegun(chain) && key === undefined) return 'its signing key is missing';
  if (anchorFault !== undefined) return `${anchorFault.kind}: ${anchorFault.detail}`;
  // Old damage does not keep new days from being closed; damage at the end would be built upon.
  const anchoredSeq = anchor.kind === 'found' ? anchor.anchor.seq : 0;
  const endIsWrong = digests.some(({ seq, record }) => seq >= anchoredSeq && record === undefined);
  const gapAtEnd = (digests.at(-1)?.seq ?? 0) > anchoredSeq && damages.length > 0;
  return endIsWrong || gapAtEnd ? 'its newest digests are damaged' : null;
};

/** What of a chain can be trusted, and what is wrong with it as a chain. */
export const inspectChain = (chain: FoundChain, source: TrailSource): InspectedChain => {
  if (hasBegun(chain) && chain.key === undefined) {
    const day =
      chain.digests[0]?.day ??
      (chain.anchor.kind === 'found' ? chain.anchor.anchor.first_day : '0000-00-00');
    const damage: Damage = {
      day,
      kind: 'key missing',
      place: 'audit-chain/signing-key.pem of the data directory',
      range: null,
      detail: 'without the key no digest can be verified',
    };
    return {
      ledger: new DayLedger(source),
      damages: [damage],
      head: chain.digests.at(-1),
      closedBecause: reasonToStop(chain, [damage], undefined),
    };
  }
  const { ledger, damages } = walk(chain, source);
  const anchorFault = anchorDamage(chain, ledger);
  return {
    ledger,
    damages: anchorFault === undefined ? damages : [...damages, anchorFault],
    head: chain.digests.at(-1),
    closedBecause: reasonToStop(chain, damages, anchorFault),
  };
};
