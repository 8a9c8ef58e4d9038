import { messageOf } from '#core/errors';
import type { Closing, Kept } from '../audit-keeping.ts';
import { closeDays } from '../chain/close-days.ts';
import { hashFile } from '../chain/day-content.ts';
import type { DigestChain } from '../chain/digest-chain.ts';
import { JsonlTrail } from '../chain/jsonl-trail.ts';
import { isAdopted } from '../files/audit-directory.ts';
import { type AuditFile, dayOf, listAuditFiles } from '../files/audit-files.ts';
import type { ChainAccess } from './chain-access.ts';
import { countParquetRows } from './parquet-coverage.ts';

/** An open chain of files and the directory as it was found. */
export interface FileDays {
  readonly chain: DigestChain;
  readonly trail: JsonlTrail;
  readonly closed: Closing;
  readonly files: readonly AuditFile[];
  /** What could not be taken into the chain. */
  readonly kept: readonly Kept[];
}

export const listOwn = async (directory: string): Promise<readonly AuditFile[]> => {
  try {
    return await listAuditFiles(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
};

/** Why a directory may not be changed, or undefined. */
export const reasonToLeave = async (
  directory: string,
  chain: DigestChain,
): Promise<string | undefined> => {
  if (!(await isAdopted(directory)))
    return 'the directory is not marked as ours; "opsloop audit adopt" allows changes to it';
  return chain.closedBecause === null
    ? undefined
    : `the chain of digests is damaged, so nothing is changed (${chain.closedBecause})`;
};

/** Files that somebody else compacted before the chain began are guarded from now on. */
const takeInParquet = async (request: {
  readonly chain: DigestChain;
  readonly files: readonly AuditFile[];
  readonly tempDir: string;
  readonly before: string;
  readonly signal: AbortSignal;
}): Promise<readonly Kept[]> => {
  const { chain, tempDir, signal } = request;
  const kept: Kept[] = [];
  for (const { day, form, isRegularFile, name, path: file } of request.files) {
    const isNew = form === 'parquet' && chain.ledger.of(day).compacted.length === 0;
    if (!isNew || !isRegularFile || day >= request.before) continue;
    signal.throwIfAborted();
    try {
      const count = await countParquetRows({ file, tempDir, signal });
      const sha256 = await hashFile(file, signal);
      if (sha256 !== undefined)
        await chain.append({ kind: 'compacted', origin: 'found', day, count, sha256 });
    } catch (error) {
      signal.throwIfAborted();
      kept.push({
        what: name,
        reason: `cannot be read as Parquet (${messageOf(error).split('\n', 1)[0]})`,
      });
    }
  }
  return kept;
};

/** Takes back the announcement of a Parquet file whose compaction was stopped, before anything follows it. */
export const takeBackAnnouncement = async (
  chain: DigestChain,
  trail: JsonlTrail,
  signal: AbortSignal,
): Promise<void> => {
  const { newest } = chain.ledger;
  if (newest?.kind !== 'compacted') return;
  const { day, count, sha256 } = newest;
  if (!(await trail.isParquetUnplaced(day, chain.ledger.of(day), signal))) return;
  await chain.append({
    kind: 'removed',
    day,
    to_day: day,
    what: 'announcement',
    count,
    covers: null,
    sha256,
    reason: 'the compaction was stopped before the file took its place',
  });
};

/** Closes the days of a directory, which comes before anything is changed in it. */
export const closeFileDays = async (
  access: ChainAccess & { readonly tempDir: string },
  chain: DigestChain,
  { now, signal }: { readonly now: Date; readonly signal: AbortSignal },
): Promise<FileDays> => {
  const { directory, exclusively, tempDir } = access;
  const trail = new JsonlTrail({ directory, exclusively });
  await takeBackAnnouncement(chain, trail, signal);
  const closed = await closeDays({ chain, trail, now, signal });
  const files = await listOwn(directory);
  const kept = await takeInParquet({ chain, files, tempDir, before: dayOf(now), signal });
  return { chain, trail, closed, files, kept };
};
