import { Type } from 'typebox';
import type { Kept } from '#audit/audit-keeping';
import { defineJob, type JobLog } from '#job-kit/job';

const Inputs = Type.Object(
  {
    retention_days: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 36_500,
        description: 'Instead of retention.audit_jsonl_days of the policy.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** Kept things that are named in the log; all are counted. */
const KEPT_SHOWN = 20;
const STEPS = 4;

const tell = (log: JobLog, kept: readonly Kept[]): void => {
  for (const { what, reason } of kept.slice(0, KEPT_SHOWN))
    log.info('audit data kept', { what, reason });
};

export const job = defineJob({
  reads: 'live',
  inputs: Inputs,
  needs: ['auditFiles', 'auditRows', 'reportFiles', 'runRetention'],
  async run({ inputs, clock, signal, stores, policies, log, progress }) {
    const { retention } = await policies.load('data_governance_policy');
    const retentionDays = inputs.retention_days ?? retention.audit_jsonl_days;
    const now = clock.now();
    const files = await stores.auditFiles.apply({
      now,
      retentionDays,
      parquetDays: retention.audit_parquet_days,
      signal,
    });
    tell(log, files.kept);
    progress({ done: 1, total: STEPS, message: 'audit files aged' });
    signal.throwIfAborted();
    const reports =
      retention.reports_days === undefined
        ? { deletedFiles: 0, freedBytes: 0 }
        : await stores.reportFiles.removeOlder({
            now,
            retentionDays: retention.reports_days,
            signal,
          });
    progress({ done: 2, total: STEPS, message: 'reports aged' });
    signal.throwIfAborted();
    const expired = await stores.runRetention.removeExpired(now);
    progress({ done: 3, total: STEPS, message: 'run ledger aged' });
    signal.throwIfAborted();
    // Last, since it needs a role that may lock and delete: without one the others are done all the same.
    const rows = await stores.auditRows.apply({
      now,
      retentionDays: retention.audit_postgres_days,
      signal,
    });
    tell(log, rows.kept);
    progress({ done: STEPS, total: STEPS, message: 'audit rows aged' });
    return {
      kind: 'succeeded',
      summary: {
        looked_at: now.toISOString(),
        retention_days: retentionDays,
        closed_days: files.closed.days + rows.closed.days,
        late_digests: files.closed.lateDigests + rows.closed.lateDigests,
        deleted_files: files.deletedFiles,
        compressed_files: files.compressedFiles,
        freed_bytes: files.freedBytes,
        deleted_rows: rows.deletedRows,
        rows_removed_to: rows.removedToDay,
        kept: files.kept.length + rows.kept.length,
        deleted_reports: reports.deletedFiles,
        removed_runs: expired.runs,
        removed_occurrences: expired.occurrences,
      },
    };
  },
});
