import type { Database } from '#storage/database';
import type { AuditVerification } from '../audit-keeping.ts';
import type { ChainPlace } from './chain-place.ts';
import type { TrailSource } from './digest-record.ts';
import { hasEventRows, peekHighestId } from './event-rows.ts';
import { withoutLock } from './exclusively.ts';
import { JsonlTrail } from './jsonl-trail.ts';
import { PostgresTrail } from './postgres-trail.ts';
import { hasBegun, readChain } from './read-chain.ts';
import type { Trail } from './trail.ts';
import { type Verification, verifyTrail } from './verify-trail.ts';

export interface VerificationOptions {
  /** The audit directory with the digests; ours. */
  readonly directory: string;
  readonly dataDir: string;
  /** Null: only files are verified. */
  readonly database: Database | null;
}

/** Verifies the files of a directory and, where a database is given, the rows whose digests lie beside them. Writes nothing. */
export const createAuditVerification = (options: VerificationOptions): AuditVerification => {
  const { directory, dataDir, database } = options;
  const placeOf = (of: TrailSource): ChainPlace => ({
    source: of,
    auditDirectory: directory,
    dataDir,
  });

  const trailsOf = async (source: TrailSource | undefined): Promise<readonly Trail[]> => {
    const trails: Trail[] = [];
    if (source !== 'postgres') trails.push(new JsonlTrail({ directory, exclusively: withoutLock }));
    if (source !== 'jsonl' && database !== null) {
      const isKept =
        hasBegun(await readChain(placeOf('postgres'))) || (await hasEventRows(database));
      if (isKept)
        trails.push(new PostgresTrail({ database, settle: () => peekHighestId(database) }));
    }
    return trails;
  };

  return {
    async verify({ source, ...request }) {
      const verified: Verification[] = [];
      for (const trail of await trailsOf(source))
        verified.push(await verifyTrail({ ...request, place: placeOf(trail.source), trail }));
      return verified;
    },
  };
};
