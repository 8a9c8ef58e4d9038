import { Type } from 'typebox';
import { defineJob } from '#job-kit/job';

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

/** Kept files that are named in the log; all are counted. */
const KEPT_SHOWN = 20;

export const job = defineJob({
  reads: 'live',
  inputs: Inputs,
  needs: ['auditFiles', 'runRetention'],
  async run({ inputs, clock, signal, stores, policies, log, progress }) {
    const policy = await policies.load('data_governance_policy');
    const retentionDays = inputs.retention_days ?? policy.retention.audit_jsonl_days;
    const now = clock.now();
    const files = await stores.auditFiles.apply({ now, retentionDays, signal });
    for (const { file, reason } of files.kept.slice(0, KEPT_SHOWN)) {
      log.info('audit file kept', { file, reason });
    }
    progress({ done: 1, total: 2, message: 'audit files aged' });
    signal.throwIfAborted();
    const expired = await stores.runRetention.removeExpired(now);
    progress({ done: 2, total: 2, message: 'run ledger aged' });
    return {
      kind: 'succeeded',
      summary: {
        looked_at: now.toISOString(),
        retention_days: retentionDays,
        deleted_files: files.deletedFiles,
        compressed_files: files.compressedFiles,
        freed_bytes: files.freedBytes,
        kept_files: files.kept.length,
        removed_runs: expired.runs,
        removed_occurrences: expired.occurrences,
      },
    };
  },
});
