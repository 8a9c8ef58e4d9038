import type { DataGovernancePolicy } from '#config/data-governance-policy';
import { compileGlobs, type PathMatcher } from './text/path-globs.ts';

/** The policy with what it leaves out filled in, as scans take it. */
export interface PrivacyPolicy {
  readonly repoScan: {
    readonly maxFileBytes: number;
    readonly digestMaxFiles: number;
    readonly timeLimitMs: number;
    readonly exclude: readonly string[];
    readonly phoneCountries: readonly string[];
    readonly allow: readonly Allowance[];
  };
  readonly auditScan: {
    readonly maxEvents: number;
    readonly largeOutputBytes: number;
    readonly largeOutputRatio: number;
    readonly largeOutputMinCalls: number;
    readonly largeOutputFloorBytes: number;
    readonly deniedMinCalls: number;
    readonly deniedRatio: number;
  };
  readonly dataHeavy: {
    readonly tools: readonly string[];
    readonly medianOutputBytes: number;
    readonly topN: number;
  };
  readonly stores: readonly DeclaredStore[];
  readonly graceDays: number;
  readonly gate: {
    readonly mode: 'strict' | 'warn' | 'off';
    readonly blockOn: 'error' | 'warning';
  };
  readonly keepFixedDays: number;
}

/** Findings that somebody has looked at and takes as they are, up to a day. */
export interface Allowance {
  readonly path: string;
  readonly rules: readonly string[];
  readonly reason: string;
  /** `YYYY-MM-DD`, the last day on which it holds; null for ever. */
  readonly expires: string | null;
}

export interface DeclaredStore {
  /** A table's name, or a directory's path relative to the root. */
  readonly name: string;
  readonly kind: 'table' | 'directory';
  /** Key of `retention`. */
  readonly retention: string | null;
  /** Task that removes what is too old. */
  readonly cleanup: string | null;
  /** What decides instead of a key of `retention`. */
  readonly keptBecause: string | null;
}

const DEFAULT_MAX_FILE_BYTES = 1_048_576;

const modeOf = (mode: string | undefined): PrivacyPolicy['gate']['mode'] =>
  mode === 'warn' || mode === 'off' ? mode : 'strict';

const storeOf = (store: NonNullable<DataGovernancePolicy['stores']>[number]): DeclaredStore => ({
  name: store.name,
  kind: store.kind === 'table' ? 'table' : 'directory',
  retention: store.retention ?? null,
  cleanup: store.cleanup ?? null,
  keptBecause: store.kept_because ?? null,
});

/** Fills in what `config/data_governance_policy.yml` may leave out; the shipped file leaves out nothing. */
export const privacyPolicyOf = (policy: DataGovernancePolicy): PrivacyPolicy => {
  const { repo_scan: repo, audit_scan: audit, data_heavy: heavy, gate } = policy;
  return {
    repoScan: {
      maxFileBytes: repo?.max_file_bytes ?? DEFAULT_MAX_FILE_BYTES,
      digestMaxFiles: repo?.digest_max_files ?? 5_000,
      timeLimitMs: (repo?.time_limit_seconds ?? 20) * 1_000,
      exclude: repo?.exclude ?? [],
      phoneCountries: repo?.phone_countries ?? ['US', 'GB', 'DE'],
      allow: (repo?.allow ?? []).map(({ path, rules, reason, expires }) => ({
        path,
        rules,
        reason,
        expires: expires ?? null,
      })),
    },
    auditScan: {
      maxEvents: audit?.max_events ?? 200_000,
      largeOutputBytes: audit?.large_output_bytes ?? 1_048_576,
      largeOutputRatio: audit?.large_output_ratio ?? 20,
      largeOutputMinCalls: audit?.large_output_min_calls ?? 20,
      largeOutputFloorBytes: audit?.large_output_floor_bytes ?? 65_536,
      deniedMinCalls: audit?.denied_min_calls ?? 10,
      deniedRatio: audit?.denied_ratio ?? 5,
    },
    dataHeavy: {
      tools: heavy?.tools ?? [],
      medianOutputBytes: heavy?.median_output_bytes ?? 65_536,
      topN: heavy?.top_n ?? 10,
    },
    stores: (policy.stores ?? []).map(storeOf),
    graceDays: policy.retention_check?.grace_days ?? 3,
    gate: { mode: modeOf(gate?.mode), blockOn: gate?.block_on === 'warning' ? 'warning' : 'error' },
    keepFixedDays: policy.findings?.keep_fixed_days ?? 400,
  };
};

export interface AllowList {
  /** Whether findings of `rule` in `file` are taken as they are. */
  allows(rule: string, file: string): boolean;
  /** Entries whose last day has passed: their findings count again. */
  readonly expired: readonly Allowance[];
}

export const createAllowList = (allow: readonly Allowance[], now: Date): AllowList => {
  const today = now.toISOString().slice(0, 10);
  const isOver = ({ expires }: Allowance): boolean => expires !== null && expires < today;
  const inForce = allow
    .filter((one) => !isOver(one))
    .map((one): { rules: ReadonlySet<string>; matches: PathMatcher } => ({
      rules: new Set(one.rules),
      matches: compileGlobs([one.path], 'repo_scan.allow.path'),
    }));
  return {
    allows: (rule, file) => inForce.some(({ rules, matches }) => rules.has(rule) && matches(file)),
    expired: allow.filter(isOver),
  };
};
