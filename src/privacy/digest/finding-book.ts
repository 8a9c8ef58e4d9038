import type { Finding, Place } from '../finding.ts';

/** A finding as it is remembered from one digest to the next. */
export interface KnownFinding {
  readonly fingerprint: string;
  readonly rule: string;
  readonly severity: string;
  /** As `placeText` writes it. */
  readonly place: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  /** Null while it is open. */
  readonly fixedAt: Date | null;
}

export interface FindingChanges {
  /** The instant that the digest stands for. */
  readonly at: Date;
  /** What is there now, new or not. */
  readonly present: readonly Finding[];
  readonly fixed: readonly KnownFinding[];
  /** What was fixed before is forgotten. */
  readonly forgetFixedBefore: Date;
}

/** Remembers findings, without anything that was matched. */
export interface FindingBook {
  list(): Promise<readonly KnownFinding[]>;
  record(changes: FindingChanges): Promise<void>;
}

/** What the present scans looked at: only there can the absence of a finding mean that it was fixed. */
export interface ScanCoverage {
  readonly repo: {
    readonly scanned: ReadonlySet<string>;
    readonly listed: ReadonlySet<string>;
    readonly isWhole: boolean;
  } | null;
  readonly isAuditWhole: boolean;
  readonly readableStores: ReadonlySet<string>;
}

export interface FindingStates {
  readonly added: readonly Finding[];
  readonly open: readonly (Finding & { readonly firstSeenAt: Date })[];
  readonly fixed: readonly KnownFinding[];
}

export const placeText = (place: Place): string =>
  'file' in place
    ? `file ${place.file}:${place.line}`
    : 'store' in place
      ? `store ${place.store}`
      : `audit ${place.field} of ${place.tool}`;

const isCovered = ({ place }: KnownFinding, coverage: ScanCoverage): boolean => {
  if (place.startsWith('audit ')) return coverage.isAuditWhole;
  if (place.startsWith('store ')) return coverage.readableStores.has(place.slice('store '.length));
  const { repo } = coverage;
  const file = place.slice('file '.length).replace(/:\d+$/, '');
  return repo !== null && (repo.scanned.has(file) || (repo.isWhole && !repo.listed.has(file)));
};

/** Several findings that nothing tells apart count as one. */
const distinct = (findings: readonly Finding[]): readonly Finding[] =>
  [
    ...new Map([...findings].reverse().map((finding) => [finding.fingerprint, finding])).values(),
  ].reverse();

/**
 * What is new, still open and fixed at `at`. Made again for the same instant it
 * says the same: what was recorded as new or fixed then is so still.
 */
export const compareFindings = (
  present: readonly Finding[],
  known: readonly KnownFinding[],
  at: Date,
  coverage: ScanCoverage,
): FindingStates => {
  const knownBy = new Map(known.map((one) => [one.fingerprint, one]));
  const findings = distinct(present);
  const openSince = (finding: Finding): Date | null => {
    const one = knownBy.get(finding.fingerprint);
    if (one === undefined || one.firstSeenAt.getTime() >= at.getTime()) return null;
    return one.fixedAt !== null && one.fixedAt.getTime() < at.getTime() ? null : one.firstSeenAt;
  };
  const presentPrints = new Set(findings.map(({ fingerprint }) => fingerprint));
  return {
    added: findings.filter((finding) => openSince(finding) === null),
    open: findings.flatMap((finding) => {
      const firstSeenAt = openSince(finding);
      return firstSeenAt === null ? [] : [{ ...finding, firstSeenAt }];
    }),
    fixed: known.filter(
      (one) =>
        !presentPrints.has(one.fingerprint) &&
        (one.fixedAt === null ? isCovered(one, coverage) : one.fixedAt.getTime() === at.getTime()),
    ),
  };
};
