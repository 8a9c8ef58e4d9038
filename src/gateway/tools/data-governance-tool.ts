import { Type } from 'typebox';
import type { DataGovernancePolicy } from '#config/data-governance-policy';
import type { Clock } from '#core/clock';
import { AppError, hasCode } from '#core/errors';
import { scanAudit } from '#privacy/audit/scan-audit';
import { buildPrivacyDigest } from '#privacy/digest/privacy-digest';
import { FOCUSES, type Focus } from '#privacy/finding';
import { decideGate } from '#privacy/gate';
import { type PrivacyPolicy, privacyPolicyOf } from '#privacy/privacy-policy';
import {
  toAuditScanRecord,
  toCoverageRecord,
  toRepoScanRecord,
  toRetentionRecord,
} from '#privacy/privacy-records';
import type { PrivacySources } from '#privacy/privacy-sources';
import { type RepoScan, type RepoScanRequest, scanRepo } from '#privacy/repo/scan-repo';
import { checkRetention, type RetentionCheck } from '#privacy/retention/check-retention';
import { RULES } from '#privacy/rules/rule-catalog';
import { defineAction, type Tool, type ToolAnswer } from '../governance/tool.ts';
import {
  lastHoursToTheMinute,
  rangeOf,
  TimeRange,
  WindowHours,
  WindowHoursInstead,
} from './tool-ranges.ts';

export interface DataGovernanceToolOptions extends PrivacySources {
  /** Read at each call. Throws `invalid_policy` with file and line. */
  readonly loadPolicy: () => Promise<DataGovernancePolicy>;
  readonly clock: Clock;
}

const closed = { additionalProperties: false } as const;
const DEFAULT_MAX_FILES = 200;
const MAX_MAX_FILES = 20_000;

const Globs = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
      maxItems: 50,
      default: [],
      description,
    }),
  );

const RepoScanParams = Type.Object(
  {
    mode: Type.Optional(
      Type.String({
        enum: ['fast', 'full'],
        default: 'fast',
        description: 'fast: what was changed and what is likely first; full: by path.',
      }),
    ),
    max_files: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAX_MAX_FILES, default: DEFAULT_MAX_FILES }),
    ),
    paths_include: Globs('Globs or folders relative to REPO_ROOT; left out, everything.'),
    paths_exclude: Globs('Globs or folders beside what the policy excludes.'),
    focus: Type.Optional(
      Type.Array(Type.String({ enum: [...FOCUSES] }), {
        minItems: 1,
        uniqueItems: true,
        default: [...FOCUSES],
      }),
    ),
  },
  closed,
);

interface RepoScanWords {
  readonly mode?: string;
  readonly max_files?: number;
  readonly paths_include?: readonly string[];
  readonly paths_exclude?: readonly string[];
  readonly focus?: readonly string[];
}

const toScanRequest = (params: RepoScanWords): RepoScanRequest => ({
  mode: params.mode === 'full' ? 'full' : 'fast',
  maxFiles: params.max_files ?? DEFAULT_MAX_FILES,
  include: params.paths_include ?? [],
  exclude: params.paths_exclude ?? [],
  focus: FOCUSES.filter((one: Focus) => params.focus?.includes(one) ?? true),
});

const ok = (body: ToolAnswer['body']): ToolAnswer => ({ status: 200, body });

/**
 * As with costs: whoever asks may be the one who can mend a broken policy, so
 * the answer says where it is broken.
 */
const loadForCaller = async (
  load: DataGovernanceToolOptions['loadPolicy'],
): Promise<DataGovernancePolicy> => {
  try {
    return await load();
  } catch (error) {
    if (!hasCode(error, 'invalid_policy')) throw error;
    throw new AppError('unavailable', error.message, {
      cause: error,
      violations: error.violations,
    });
  }
};

/** What the actions share: each reads the policy anew and looks by it. */
const createLooks = (options: DataGovernanceToolOptions) => {
  const { clock, repoRoot } = options;
  const policies = async (): Promise<{ file: DataGovernancePolicy; policy: PrivacyPolicy }> => {
    const file = await loadForCaller(options.loadPolicy);
    return { file, policy: privacyPolicyOf(file) };
  };
  return {
    policies,
    repo: async (request: RepoScanRequest, signal: AbortSignal): Promise<RepoScan> => {
      const { policy } = await policies();
      return scanRepo(request, { root: repoRoot, policy, clock, signal });
    },
    retention: async (signal: AbortSignal): Promise<RetentionCheck> => {
      const { file, policy } = await policies();
      const facts = await options.retention.look(signal);
      return checkRetention({ facts, retention: file.retention, policy, now: clock.now() });
    },
  };
};

type Looks = ReturnType<typeof createLooks>;

const scanActions = (options: DataGovernanceToolOptions, looks: Looks) => ({
  scan_repo: defineAction({
    effect: 'read',
    description:
      'Looks for personal data, secrets, loose logging and stores without retention in the text files of REPO_ROOT. Says what was scanned, skipped and not reached; samples are masked.',
    params: RepoScanParams,
    execute: async (params, { signal }) =>
      ok(toRepoScanRecord(await looks.repo(toScanRequest(params), signal))),
  }),
  scan_audit: defineAction({
    effect: 'read',
    description:
      'Looks for personal data and secrets in the metadata of tool calls, unusually large outputs and spikes of denied calls.',
    params: Type.Object(
      { window_hours: Type.Optional(WindowHoursInstead), time_range: Type.Optional(TimeRange) },
      closed,
    ),
    execute: async (params, { signal }) => {
      const window = rangeOf('scan_audit', options.clock, params);
      const { policy } = await looks.policies();
      return ok(toAuditScanRecord(await scanAudit(options.events, { window, policy, signal })));
    },
  }),
  retention_check: defineAction({
    effect: 'read',
    description: 'How old the oldest record of each store is, against the policy.',
    params: Type.Object({}, closed),
    execute: async (_params, { signal }) => ok(toRetentionRecord(await looks.retention(signal))),
  }),
});

const answerActions = (options: DataGovernanceToolOptions, looks: Looks) => ({
  policy: defineAction({
    effect: 'read',
    description: 'The policy in force, with what the file leaves out filled in, and every rule.',
    params: Type.Object({}, closed),
    execute: async () => {
      const { file, policy } = await looks.policies();
      return ok({ file, in_force: toPolicyRecord(policy), rules: RULES });
    },
  }),
  gate: defineAction({
    effect: 'read',
    description:
      'Whether findings in the repository and the stores let a deployment pass, by the mode that the policy sets.',
    params: RepoScanParams,
    execute: async (params, { signal }) => {
      const { policy } = await looks.policies();
      const repo = await looks.repo(toScanRequest(params), signal);
      const retention = await looks.retention(signal);
      return ok({
        ...decideGate([...repo.findings, ...retention.findings], policy.gate),
        repository: toCoverageRecord(repo),
      });
    },
  }),
  digest: defineAction({
    effect: 'read',
    description:
      'The daily digest for the hours up to now: findings new, open and fixed since the last one, the audit stream, retention, and who takes data out. Scans the repository in the fast mode.',
    params: Type.Object({ window_hours: Type.Optional(WindowHours) }, closed),
    execute: async ({ window_hours }, { signal }) => {
      const window = lastHoursToTheMinute(options.clock, window_hours);
      const { digest, sourceBackend } = await buildPrivacyDigest(options, {
        window,
        at: window.to,
        policy: (await looks.policies()).file,
        repo: { mode: 'fast', maxFiles: DEFAULT_MAX_FILES },
        clock: options.clock,
        signal,
      });
      return ok({ ...digest, source_backend: sourceBackend });
    },
  }),
});

const toPolicyRecord = ({
  repoScan,
  auditScan,
  dataHeavy,
  gate,
  graceDays,
  keepFixedDays,
}: PrivacyPolicy) => ({
  repo_scan: {
    max_file_bytes: repoScan.maxFileBytes,
    digest_max_files: repoScan.digestMaxFiles,
    time_limit_seconds: repoScan.timeLimitMs / 1_000,
    exclude: repoScan.exclude,
    phone_countries: repoScan.phoneCountries,
    allow: repoScan.allow,
  },
  audit_scan: {
    max_events: auditScan.maxEvents,
    large_output_bytes: auditScan.largeOutputBytes,
    large_output_ratio: auditScan.largeOutputRatio,
    large_output_min_calls: auditScan.largeOutputMinCalls,
    large_output_floor_bytes: auditScan.largeOutputFloorBytes,
    denied_min_calls: auditScan.deniedMinCalls,
    denied_ratio: auditScan.deniedRatio,
  },
  data_heavy: {
    tools: dataHeavy.tools,
    median_output_bytes: dataHeavy.medianOutputBytes,
    top_n: dataHeavy.topN,
  },
  retention_check: { grace_days: graceDays },
  gate: { mode: gate.mode, block_on: gate.blockOn },
  findings: { keep_fixed_days: keepFixedDays },
});

/** The tool by which agents and scripts ask what is where it should not be. All its actions only look. */
export const createDataGovernanceTool = (options: DataGovernanceToolOptions): Tool => {
  const looks = createLooks(options);
  return {
    name: 'data_governance_tool',
    aliases: [],
    description: 'Personal data, secrets, logging and retention: scans, the policy and the gate.',
    actions: { ...scanActions(options, looks), ...answerActions(options, looks) },
  };
};
