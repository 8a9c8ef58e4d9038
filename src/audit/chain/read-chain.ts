import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type FoundAnchor, readAnchor } from './chain-anchor.ts';
import { anchorFileOf, type ChainPlace, digestsOf, keysOf, readDigestName } from './chain-place.ts';
import { type DigestRecord, parseRecord, sha256Of } from './digest-record.ts';
import { findSigningKey, type SigningKey } from './signing-key.ts';

/** A digest file as it was found. */
export interface FoundDigest {
  readonly name: string;
  /** As the name claims. */
  readonly seq: number;
  readonly day: string;
  readonly sha256: string;
  /** Undefined when the content is not a record signed by our key under this very name. */
  readonly record: DigestRecord | undefined;
}

export interface FoundChain {
  /** By sequence number and name. */
  readonly digests: readonly FoundDigest[];
  readonly anchor: FoundAnchor;
  readonly key: SigningKey | undefined;
}

/** A digest is small: 16 characters per thousand lines. Anything larger is not one. */
const MAX_DIGEST_BYTES = 64 * 1024 * 1024;

const listNames = async (directory: string): Promise<readonly string[]> => {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
};

const trusted = (
  content: Buffer,
  claimed: { readonly seq: number; readonly day: string },
  place: ChainPlace,
  key: SigningKey | undefined,
): DigestRecord | undefined => {
  if (key === undefined || content.length > MAX_DIGEST_BYTES) return undefined;
  const record = parseRecord(content.toString('utf8'));
  if (record === undefined) return undefined;
  const isAsNamed =
    record.seq === claimed.seq && record.day === claimed.day && record.source === place.source;
  return isAsNamed && key.hasSigned(record) ? record : undefined;
};

/**
 * Reads all of a chain and judges each digest file by itself. Writes nothing.
 * The anchor first and the key last, against the order in which they are
 * written: beside somebody who appends, no digest then seems to be missing.
 */
export const readChain = async (place: ChainPlace): Promise<FoundChain> => {
  const directory = digestsOf(place);
  const anchor = await readAnchor(anchorFileOf(place));
  const names = await listNames(directory);
  const key = await findSigningKey(keysOf(place));
  const digests: FoundDigest[] = [];
  for (const name of names) {
    const claimed = readDigestName(name);
    if (claimed === undefined) continue;
    const content = await readFile(path.join(directory, name));
    digests.push({
      name,
      ...claimed,
      sha256: sha256Of(content),
      record: trusted(content, claimed, place, key),
    });
  }
  return { digests, anchor, key };
};

/** Whether a chain was ever written here, as far as can be seen. */
export const hasBegun = ({ digests, anchor }: FoundChain): boolean =>
  digests.length > 0 || anchor.kind !== 'missing';
