import type { AuditVerification, Kept } from '#audit/audit-keeping';
import { peekHighestId, settleHighestId } from '#audit/chain/event-rows';
import { exclusivelyBy, withoutLock } from '#audit/chain/exclusively';
import { createAuditVerification } from '#audit/chain/verify-sources';
import { findOwnAuditDirectory } from '#audit/files/own-audit-directory';
import { createAuditCompaction } from '#audit/retention/audit-compaction';
import { createAuditFileRetention } from '#audit/retention/audit-file-retention';
import { createAuditRowRetention } from '#audit/retention/audit-row-retention';
import type { ChainAccess } from '#audit/retention/chain-access';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import type { FileEffects, RowEffects } from '#core/effects';
import type { StoreCatalog } from '#job-kit/stores';
import type { Database } from '#storage/database';
import { scratchDirectory } from './open-engines.ts';

/** What keeping the audit trail works with: a real run's, or a dry-run's that only records. */
export interface AuditKeepingParts {
  readonly settings: Pick<Settings, 'audit' | 'dataDir'>;
  /** A directory that somebody named, instead of the one in the settings; and where its Parquet files go. */
  readonly named?: { readonly directory?: string; readonly output?: string };
  /** Null where no database is configured or wanted. */
  readonly database: Database | null;
  readonly effects: { readonly files: FileEffects };
  /** Of the role that may delete and lock; and how the table's writers are waited for. */
  readonly rows: { readonly effects: RowEffects; readonly database: Database } | null;
  readonly mode: 'real' | 'dry';
  readonly clock: Clock;
}

type KeepingStores = Pick<
  StoreCatalog,
  'auditCompaction' | 'auditFiles' | 'auditRows' | 'auditVerification'
>;

type Access = ChainAccess & { readonly tempDir: string };

interface Place {
  readonly access: Access;
  /** That the configured directory is somebody else's, where it is. */
  readonly notice: readonly Kept[];
}

const placeOf = async (parts: AuditKeepingParts, signal: AbortSignal): Promise<Place> => {
  const { settings, effects, mode, clock, named } = parts;
  const { dataDir } = settings;
  const { jsonlDir } = settings.audit;
  const own =
    named?.directory === undefined
      ? await findOwnAuditDirectory({ jsonlDir, dataDir })
      : { directory: named.directory, isSubstitute: false };
  const access: Access = {
    directory: own.directory,
    dataDir,
    tempDir: scratchDirectory(settings),
    files: effects.files,
    clock,
    exclusively: mode === 'dry' ? withoutLock : exclusivelyBy(clock, signal),
  };
  const reason =
    'it is not marked as ours, so it is read and nothing else; "opsloop audit adopt" allows changes to it';
  return {
    access,
    notice: own.isSubstitute ? [{ what: 'the configured audit directory', reason }] : [],
  };
};

const withNotice = <Outcome extends { readonly kept: readonly Kept[] }>(
  outcome: Outcome,
  notice: readonly Kept[],
): Outcome => ({ ...outcome, kept: [...notice, ...outcome.kept] });

const verificationOf = (parts: AuditKeepingParts): AuditVerification => ({
  async verify(request) {
    const { directory } = (await placeOf(parts, request.signal)).access;
    return createAuditVerification({
      directory,
      dataDir: parts.settings.dataDir,
      database: parts.database,
    }).verify(request);
  },
});

/** The stores of the jobs that keep the audit trail. Which directory is ours is looked at when they are used. */
export const auditKeepingStores = (
  parts: AuditKeepingParts,
): { [Name in keyof KeepingStores]: () => KeepingStores[Name] } => ({
  auditCompaction: () => ({
    async compact(rule) {
      const { access, notice } = await placeOf(parts, rule.signal);
      const output = parts.named?.output;
      const options = output === undefined ? access : { ...access, output };
      return withNotice(await createAuditCompaction(options).compact(rule), notice);
    },
  }),
  auditFiles: () => ({
    async apply(rule) {
      const { access, notice } = await placeOf(parts, rule.signal);
      return withNotice(await createAuditFileRetention(access).apply(rule), notice);
    },
  }),
  auditRows: () => ({
    async apply(rule) {
      const { rows, mode } = parts;
      if (rows === null)
        return {
          closed: { days: 0, lateDigests: 0 },
          deletedRows: 0,
          removedToDay: null,
          kept: [],
        };
      return createAuditRowRetention({
        ...(await placeOf(parts, rule.signal)).access,
        database: rows.database,
        rows: rows.effects,
        settle: () =>
          mode === 'dry' ? peekHighestId(rows.database) : settleHighestId(rows.database),
      }).apply(rule);
    },
  }),
  auditVerification: () => verificationOf(parts),
});
