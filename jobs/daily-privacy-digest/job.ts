import { Type } from 'typebox';
import { defineJob } from '#job-kit/job';
import { buildPrivacyDigest } from '#privacy/digest/privacy-digest';
import { privacyPolicyOf } from '#privacy/privacy-policy';
import { toReport } from './report.ts';

const Inputs = Type.Object(
  { window_hours: Type.Integer({ minimum: 1, maximum: 744, default: 24 }) },
  { additionalProperties: false },
);

export const job = defineJob({
  reads: 'live',
  inputs: Inputs,
  needs: ['auditTrail', 'privacy'],
  async run({ scheduledFor, window, signal, stores, policies, reports, log, progress, clock }) {
    const policy = await policies.load('data_governance_policy');
    const { repoScan } = privacyPolicyOf(policy);
    const { digest, changes, sourceBackend } = await buildPrivacyDigest(
      { ...stores.privacy, events: stores.auditTrail },
      {
        window,
        at: scheduledFor,
        policy,
        repo: { mode: 'full', maxFiles: repoScan.digestMaxFiles },
        clock,
        signal,
      },
    );
    progress({ done: 1, total: 3, message: 'looked at repository and stores' });
    await reports.publish(
      await toReport({ digest, scheduledFor, assetPrefix: reports.assetPrefix }),
    );
    progress({ done: 2, total: 3, message: 'report published' });
    // Last, so that a run that fails before tells the same findings as new when it is made again.
    await stores.privacy.findings.record(changes);
    progress({ done: 3, total: 3, message: 'findings remembered' });
    const { input_problems: problems } = digest.audit;
    if (problems.rejected_lines > 0)
      log.warn('lines of the audit files do not count', {
        rejected_lines: problems.rejected_lines,
      });
    const { by_severity: bySeverity } = digest.totals.findings;
    return {
      kind: 'succeeded',
      summary: {
        looked_at: digest.looked_at,
        new_findings: digest.totals.new,
        open_findings: digest.totals.open,
        fixed_findings: digest.totals.fixed,
        errors: bySeverity.error,
        warnings: bySeverity.warning,
        files_scanned: digest.repository.files_scanned,
        events: digest.audit.events,
        source_backend: sourceBackend,
      },
      ...(digest.partial ? { partial: true } : {}),
    };
  },
});
