import { createHash } from 'node:crypto';

/** `error` fails the gate unless the policy says otherwise; `info` is for the record. */
export const SEVERITIES = ['error', 'warning', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a scan may be limited to. */
export const FOCUSES = ['pii', 'secrets', 'logging', 'retention'] as const;
export type Focus = (typeof FOCUSES)[number];

export interface Rule {
  /** `DG-PII-001`: never given to another rule, so that allowances and history stay true. */
  readonly id: string;
  readonly severity: Severity;
  readonly focus: Focus | 'audit';
  /** What was found, in a few words. */
  readonly title: string;
  /** What to do about it, one sentence. */
  readonly fix: string;
}

/** Where a finding is. Names of others that themselves hold personal data or a secret are masked. */
export type Place =
  | { readonly file: string; readonly line: number }
  | {
      readonly field: string;
      readonly tool: string;
      /** The first event of the group; `req_id` shows its beginning alone. */
      readonly event: { readonly req_id: string; readonly ts: string };
    }
  | { readonly store: string };

export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly title: string;
  readonly place: Place;
  /** Masked by `maskSample`, or the name of what a program or schema declares; empty where a rule is about the absence of something. */
  readonly sample: string;
  readonly fix: string;
  /** Names the finding from one scan to the next; made of nothing that was matched. */
  readonly fingerprint: string;
  /** How often it was found at this place, where that is more than a line. */
  readonly count: number;
}

/**
 * Identity of a finding: its rule, its place and, where several are at one
 * place, which one. The matched text is left out on purpose: a hash of a short
 * secret or of a phone number can be searched.
 */
export const fingerprintOf = (parts: readonly (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

const placeKey = ({ place }: Finding): string =>
  'file' in place
    ? `${place.file}\u0000${String(place.line).padStart(9, '0')}`
    : 'store' in place
      ? place.store
      : `${place.tool}\u0000${place.field}\u0000${place.event.ts}`;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Worst first, then by rule and place: a total order. */
export const sortFindings = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      compareText(a.rule, b.rule) ||
      compareText(placeKey(a), placeKey(b)) ||
      compareText(a.fingerprint, b.fingerprint),
  );

export interface FindingCounts {
  readonly total: number;
  readonly by_severity: Readonly<Record<Severity, number>>;
  readonly by_rule: Readonly<Record<string, number>>;
}

/** Findings by severity and rule, rules in order of their ids. */
export const countFindings = (findings: readonly Finding[]): FindingCounts => {
  const bySeverity = { error: 0, warning: 0, info: 0 };
  const byRule = new Map<string, number>();
  for (const { severity, rule } of findings) {
    bySeverity[severity] += 1;
    byRule.set(rule, (byRule.get(rule) ?? 0) + 1);
  }
  return {
    total: findings.length,
    by_severity: bySeverity,
    by_rule: Object.fromEntries([...byRule].sort(([a], [b]) => compareText(a, b))),
  };
};
