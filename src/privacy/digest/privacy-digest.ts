import type { DataGovernancePolicy } from '#config/data-governance-policy';
import type { Clock } from '#core/clock';
import type { AuditScan } from '../audit/scan-audit.ts';
import { scanAudit } from '../audit/scan-audit.ts';
import { countFindings, type Finding, FOCUSES } from '../finding.ts';
import { type PrivacyPolicy, privacyPolicyOf } from '../privacy-policy.ts';
import { toAuditRecord, toCoverageRecord } from '../privacy-records.ts';
import type { PrivacySources } from '../privacy-sources.ts';
import { type RepoScan, scanRepo } from '../repo/scan-repo.ts';
import { checkRetention, type RetentionCheck } from '../retention/check-retention.ts';
import {
  compareFindings,
  type FindingChanges,
  type FindingStates,
  type KnownFinding,
  type ScanCoverage,
} from './finding-book.ts';

export interface PrivacyDigestRequest {
  readonly window: { readonly from: Date; readonly to: Date };
  /** The instant that the digest stands for; what it finds is first seen then. */
  readonly at: Date;
  readonly policy: DataGovernancePolicy;
  readonly repo: { readonly mode: 'fast' | 'full'; readonly maxFiles: number };
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface PrivacyDigestAnswer {
  readonly digest: PrivacyDigest;
  /** What the book has to be told once the report is published. */
  readonly changes: FindingChanges;
  /** For the ledger and the tool's answer, never for the report. */
  readonly sourceBackend: string;
}

interface Parts {
  readonly repo: RepoScan;
  readonly audit: AuditScan;
  readonly retention: RetentionCheck;
  readonly states: FindingStates;
}

const FINDINGS_SHOWN = 500;
const DAY_MS = 86_400_000;

const coverageOf = (
  { repo, audit, retention }: Omit<Parts, 'states'>,
  policy: PrivacyPolicy,
): ScanCoverage => ({
  repo: {
    scanned: repo.scanned,
    listed: repo.listed,
    isWhole: repo.truncatedBy !== 'too_many_entries',
  },
  isAuditWhole: !audit.quality.partial && !audit.isTruncated,
  readableStores: new Set([
    ...retention.stores.filter(({ state }) => state !== 'unreadable').map(({ store }) => store),
    ...policy.stores.map(({ name }) => name),
  ]),
});

const toFixedRecord = (known: KnownFinding) => ({
  rule: known.rule,
  severity: known.severity,
  place: known.place,
  first_seen_at: known.firstSeenAt.toISOString(),
  fingerprint: known.fingerprint,
});

const toOpenRecord = ({ firstSeenAt, ...finding }: FindingStates['open'][number]) => ({
  ...finding,
  first_seen_at: firstSeenAt.toISOString(),
});

const toDigest = ({ repo, audit, retention, states }: Parts) => {
  const all: readonly Finding[] = [...states.added, ...states.open];
  return {
    time_range: {
      from: audit.window.from.toISOString(),
      to: audit.window.to.toISOString(),
    },
    looked_at: retention.lookedAt.toISOString(),
    partial: audit.quality.partial,
    totals: {
      new: states.added.length,
      open: states.open.length,
      fixed: states.fixed.length,
      findings: countFindings(all),
    },
    findings: {
      new: states.added.slice(0, FINDINGS_SHOWN),
      open: states.open.slice(0, FINDINGS_SHOWN).map(toOpenRecord),
      fixed: states.fixed.slice(0, FINDINGS_SHOWN).map(toFixedRecord),
    },
    repository: toCoverageRecord(repo),
    audit: { ...toAuditRecord(audit), hourly: audit.hourly },
    retention: retention.stores,
  };
};

/** The digest's JSON, with wire names. */
export type PrivacyDigest = ReturnType<typeof toDigest>;

/**
 * Looks at the repository and the stores as they are now, and at the audit
 * trail of the window. Changes nothing: what is new, open or fixed is told
 * against the book as it is.
 */
export const buildPrivacyDigest = async (
  sources: PrivacySources,
  request: PrivacyDigestRequest,
): Promise<PrivacyDigestAnswer> => {
  const { window, at, clock, signal } = request;
  const policy = privacyPolicyOf(request.policy);
  const audit = await scanAudit(sources.events, { window, policy, signal });
  const repo = await scanRepo(
    { ...request.repo, include: [], exclude: [], focus: FOCUSES },
    { root: sources.repoRoot, policy, clock, signal },
  );
  const retention = checkRetention({
    facts: await sources.retention.look(signal),
    retention: request.policy.retention,
    policy,
    now: clock.now(),
  });
  const present = [...repo.findings, ...audit.findings, ...retention.findings];
  const coverage = coverageOf({ repo, audit, retention }, policy);
  const states = compareFindings(present, await sources.findings.list(), at, coverage);
  return {
    digest: toDigest({ repo, audit, retention, states }),
    changes: {
      at,
      present,
      fixed: states.fixed,
      forgetFixedBefore: new Date(at.getTime() - policy.keepFixedDays * DAY_MS),
    },
    sourceBackend: audit.quality.sourceBackend,
  };
};
