import type { AuditScan } from './audit/scan-audit.ts';
import { countFindings } from './finding.ts';
import type { RepoScan } from './repo/scan-repo.ts';
import type { RetentionCheck } from './retention/check-retention.ts';

/** Findings in one answer; all are counted. */
const FINDINGS_SHOWN = 500;
const REJECTED_SHOWN = 20;

/** Wire names of what a scan of the repository covered. */
export const toCoverageRecord = (scan: RepoScan) => ({
  mode: scan.mode,
  focus: scan.focus,
  files_listed: scan.listed.size,
  files_scanned: scan.scanned.size,
  skipped: scan.skipped,
  truncated: scan.truncatedBy !== null,
  truncated_by: scan.truncatedBy,
  suppressed: scan.suppressed,
  expired_allowances: scan.expiredAllowances,
});

export const toRepoScanRecord = (scan: RepoScan) => ({
  ...toCoverageRecord(scan),
  totals: countFindings(scan.findings),
  findings: scan.findings.slice(0, FINDINGS_SHOWN),
  findings_shown: Math.min(scan.findings.length, FINDINGS_SHOWN),
});

const toInputProblems = ({ quality }: AuditScan) => ({
  rejected_lines: quality.rejectedCount,
  first: quality.rejected.slice(0, REJECTED_SHOWN),
  problems: quality.problems,
});

/** Without where it was read, which only the tool's answer says. */
export const toAuditRecord = (scan: AuditScan) => ({
  time_range: { from: scan.window.from.toISOString(), to: scan.window.to.toISOString() },
  events: scan.events,
  denied: scan.denied,
  out_bytes: scan.outBytes,
  truncated: scan.isTruncated,
  partial: scan.quality.partial,
  input_problems: toInputProblems(scan),
  anomalies: { large_outputs: scan.largeOutputs, denied_spikes: scan.deniedSpikes },
  access: scan.access,
});

export const toAuditScanRecord = (scan: AuditScan) => ({
  ...toAuditRecord(scan),
  source_backend: scan.quality.sourceBackend,
  totals: countFindings(scan.findings),
  findings: scan.findings.slice(0, FINDINGS_SHOWN),
  findings_shown: Math.min(scan.findings.length, FINDINGS_SHOWN),
});

export const toRetentionRecord = (check: RetentionCheck) => ({
  looked_at: check.lookedAt.toISOString(),
  stores: check.stores,
  totals: countFindings(check.findings),
  findings: check.findings,
});
