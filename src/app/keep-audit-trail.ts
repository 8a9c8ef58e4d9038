import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import type { Effect } from '#core/effects';
import type { StoreCatalog } from '#job-kit/stores';
import type { Database } from '#storage/database';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { createLiveRowEffects } from '#storage/effects/live-row-effects';
import { createRecordingFileEffects } from '#storage/effects/recording-file-effects';
import { createRecordingRowEffects } from '#storage/effects/recording-row-effects';
import { openDatabase } from '#storage/postgres/postgres-database';
import type { Logger } from '#telemetry/logger';
import { type AuditKeepingParts, auditKeepingStores } from './audit-keeping-stores.ts';
import { openDsn } from './open-engines.ts';
import { createPolicies } from './policies.ts';

export interface KeepAuditTrailRequest {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly mode: 'real' | 'dry';
  /** `files` opens no database. */
  readonly reach: 'files' | 'files and rows';
  readonly named?: AuditKeepingParts['named'];
}

/** What a command that keeps the audit trail works with, outside of any run. */
export interface AuditKeeping {
  readonly stores: Pick<
    StoreCatalog,
    'auditCompaction' | 'auditFiles' | 'auditRows' | 'auditVerification'
  >;
  readonly retention: () => Promise<{
    readonly jsonlDays: number;
    readonly parquetDays: number;
    readonly postgresDays: number;
  }>;
  /** What a dry-run would have done so far. */
  readonly recorded: readonly Effect[];
}

/** A command holds no lease; the chain's own lock keeps runs and commands apart. */
const UNFENCED = { assertHeld: async () => undefined, assertHeldIn: async () => undefined };

const openRows = async ({ settings, logger, reach }: KeepAuditTrailRequest) => {
  if (reach === 'files') return null;
  const clock = systemClock;
  const { dsn, embedded } = await openDsn({ settings, logger, clock, mode: 'attach-or-own' });
  const database = openDatabase({
    dsn: settings.database.adminUrl ?? dsn,
    maxConnections: 2,
    applicationName: 'opsloop-audit',
    clock,
  });
  return {
    database,
    async close() {
      await database.close();
      await embedded?.stop();
    },
  };
};

const effectsOf = (
  { settings, mode }: KeepAuditTrailRequest,
  database: Database | null,
  recorded: Effect[],
): Pick<AuditKeepingParts, 'effects' | 'rows'> => {
  const record = (effect: Effect): void => {
    recorded.push(effect);
  };
  const rowsOf = (rows: Database) =>
    mode === 'dry'
      ? createRecordingRowEffects({ database: rows, record })
      : createLiveRowEffects({ database: rows, fence: UNFENCED });
  return {
    effects: {
      files:
        mode === 'dry'
          ? createRecordingFileEffects({ repoRoot: settings.repoRoot, record })
          : createLiveFileEffects({ fence: UNFENCED }),
    },
    rows: database === null ? null : { database, effects: rowsOf(database) },
  };
};

/** Gives `work` the trail to close, compact, age and verify; opens a database only where rows are asked for. */
export const withAuditKeeping = async <T>(
  request: KeepAuditTrailRequest,
  work: (keeping: AuditKeeping) => Promise<T>,
): Promise<T> => {
  const { settings, mode, named } = request;
  const opened = await openRows(request);
  const database = opened?.database ?? null;
  const recorded: Effect[] = [];
  const makers = auditKeepingStores({
    settings,
    database,
    ...effectsOf(request, database, recorded),
    mode,
    clock: systemClock,
    ...(named === undefined ? {} : { named }),
  });
  try {
    return await work({
      stores: {
        auditCompaction: makers.auditCompaction(),
        auditFiles: makers.auditFiles(),
        auditRows: makers.auditRows(),
        auditVerification: makers.auditVerification(),
      },
      async retention() {
        const { retention } = await createPolicies(settings.policyDir).load(
          'data_governance_policy',
        );
        return {
          jsonlDays: retention.audit_jsonl_days,
          parquetDays: retention.audit_parquet_days,
          postgresDays: retention.audit_postgres_days,
        };
      },
      recorded,
    });
  } finally {
    await opened?.close();
  }
};
