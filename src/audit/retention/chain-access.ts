import type { Clock } from '#core/clock';
import type { FileEffects } from '#core/effects';
import { chainLockOf } from '../chain/chain-place.ts';
import { DigestChain } from '../chain/digest-chain.ts';
import type { TrailSource } from '../chain/digest-record.ts';
import type { Exclusively } from '../chain/exclusively.ts';

/** What a change of the audit trail needs to write down what it does. */
export interface ChainAccess {
  /** An audit directory that is ours, or not yet: nothing is written to one without our marker. */
  readonly directory: string;
  readonly dataDir: string;
  readonly files: FileEffects;
  readonly clock: Clock;
  /** Without a lock in a dry-run. */
  readonly exclusively: Exclusively;
}

/** Opens the chain of a source while no other process adds to it. */
export const withChain = <T>(
  { directory, dataDir, files, clock, exclusively }: ChainAccess,
  source: TrailSource,
  work: (chain: DigestChain) => Promise<T>,
): Promise<T> =>
  exclusively(chainLockOf({ dataDir }), async () => {
    const place = { source, auditDirectory: directory, dataDir };
    return work(await DigestChain.open(place, { files, clock }));
  });
