import { createHash } from 'node:crypto';
import path from 'node:path';
import type { DigestRecord, TrailSource } from './digest-record.ts';

/** Where a chain lies: its digests beside the events, its key and anchor apart from them. */
export interface ChainPlace {
  readonly source: TrailSource;
  /** Audit directory that is ours to write. */
  readonly auditDirectory: string;
  readonly dataDir: string;
}

/** Folder of the digest files, inside the audit directory. */
const DIGESTS_FOLDER = 'digests';

export const digestsOf = ({ auditDirectory, source }: ChainPlace): string =>
  path.join(auditDirectory, DIGESTS_FOLDER, source);

/** Folder of the signing key and the anchors. Outside of the audit directory: who can change events there must not hold the key. */
export const keysOf = ({ dataDir }: Pick<ChainPlace, 'dataDir'>): string =>
  path.join(dataDir, 'audit-chain');

/**
 * By the place of the audit directory as seen from the data directory: each
 * directory has a chain of its own, and both may move together.
 */
export const anchorFileOf = (place: ChainPlace): string => {
  const relative = path.relative(place.dataDir, place.auditDirectory).split(path.sep).join('/');
  const name = createHash('sha256').update(relative).digest('hex').slice(0, 12);
  return path.join(keysOf(place), `${place.source}-${name}.anchor.json`);
};

/** One for all chains of a data directory, since they have their key in common. */
export const chainLockOf = (place: Pick<ChainPlace, 'dataDir'>): string =>
  path.join(keysOf(place), 'chain.lock');

const DIGEST_NAME = /^(\d{8})-(\d{4}-\d{2}-\d{2})(?:\.[a-z0-9-]+)?\.json$/;

/** `00000012-2026-11-04.json`; a late one is `….late-2.json`, the others are named after their kind. */
export const digestName = (
  record: Pick<DigestRecord, 'seq' | 'day' | 'kind'>,
  lateNumber: number,
): string => {
  const suffix =
    record.kind === 'day' ? '' : record.kind === 'late' ? `.late-${lateNumber}` : `.${record.kind}`;
  return `${String(record.seq).padStart(8, '0')}-${record.day}${suffix}.json`;
};

/** The sequence number and day that a file's name claims, or undefined for a foreign name. */
export const readDigestName = (
  name: string,
): { readonly seq: number; readonly day: string } | undefined => {
  const [, seq, day] = DIGEST_NAME.exec(name) ?? [];
  return seq === undefined || day === undefined ? undefined : { seq: Number(seq), day };
};
