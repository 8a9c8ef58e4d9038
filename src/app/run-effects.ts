import type { Effect, Effects, RowEffects } from '#core/effects';
import type { Lease } from '#runner/ledger/leases';
import type { Database } from '#storage/database';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';
import { createRecordingFileEffects } from '#storage/effects/recording-file-effects';
import { createRecordingRowEffects } from '#storage/effects/recording-row-effects';
import { openDatabase } from '#storage/postgres/postgres-database';
import { RunFence } from './run-fence.ts';

/** Connections of the role that keeps tables; one run does one thing at a time. */
const ADMIN_CONNECTIONS = 1;

/** What a run may do to the world: act under its lease, or record what it would do. */
export interface RunEffects extends Effects {
  readonly mode: 'real' | 'dry';
  /** Row changes that need more than the service's role may do, on a database of ADMIN_DATABASE_URL where it is set. */
  readonly admin: { readonly effects: RowEffects; readonly database: Database };
  close(): Promise<void>;
}

export const createRunEffects = (options: {
  readonly repoRoot: string;
  readonly database: Database;
  readonly adminDsn: string | null;
  /** Of a real run; a dry-run is given where its effects are recorded. */
  readonly as: { readonly lease: Lease } | { readonly recorded: Effect[] };
}): RunEffects => {
  const { repoRoot, database, adminDsn, as } = options;
  if ('recorded' in as) {
    const record = (effect: Effect): void => {
      as.recorded.push(effect);
    };
    const rows = createRecordingRowEffects({ database, record });
    return {
      mode: 'dry',
      files: createRecordingFileEffects({ repoRoot, record }),
      rows,
      admin: { effects: rows, database },
      close: async () => undefined,
    };
  }
  const fence = new RunFence(database, as.lease);
  const rows = createLiveRowEffects({ database, fence });
  const admin =
    adminDsn === null
      ? null
      : openDatabase({
          dsn: adminDsn,
          maxConnections: ADMIN_CONNECTIONS,
          applicationName: 'opsloop-retention',
        });
  // The ledger's tables need not be open to the admin's role, so the lease is looked at by our own.
  const fencedFromOutside = { assertHeldIn: () => fence.assertHeld() };
  return {
    mode: 'real',
    files: createLiveFileEffects({ fence }),
    rows,
    admin:
      admin === null
        ? { effects: rows, database }
        : {
            effects: createLiveRowEffects({ database: admin, fence: fencedFromOutside }),
            database: admin,
          },
    close: async () => admin?.close(),
  };
};
