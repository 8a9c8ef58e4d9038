import { Type } from 'typebox';
import type { AuditDataQuality, AuditReader } from '#audit/audit-store';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { answerAnomalies, answerReport } from '#finops/answer-questions';
import { buildCostDigest } from '#finops/cost-digest';
import { gateFindings } from '#finops/cost-gate';
import { type BreakdownRow, type CostReport, OTHERS_KEY } from '#finops/cost-report';
import { type AnomalyRule, anomalyRuleOf, type CostWeights } from '#finops/cost-weights';
import { weightsInForce } from '#finops/weights-in-force';
import { defineAction, type Tool, type ToolAnswer } from '../governance/tool.ts';
import {
  lastHours,
  lastHoursToTheMinute,
  type Range,
  rangeOf,
  TimeRange,
  WindowHours,
  WindowHoursInstead,
} from './tool-ranges.ts';

export interface CostToolOptions {
  readonly audit: AuditReader;
  /** Reads `config/cost_weights.yml` anew; rejects with `invalid_policy`, file and line. */
  readonly loadWeights: () => Promise<CostWeights>;
  readonly clock: Clock;
}

const closed = { additionalProperties: false } as const;
const MINUTE_MS = 60_000;
const DEFAULT_TOP_N = 10;

const DIMENSIONS = ['tool', 'agent_id', 'user_id', 'workspace_id', 'status'] as const;

const TopN = Type.Integer({
  minimum: 1,
  maximum: 1000,
  default: DEFAULT_TOP_N,
  description: 'Most expensive rows of a breakdown; one more sums up the others.',
});

const ReportParams = Type.Object(
  {
    time_range: Type.Optional(TimeRange),
    window_hours: Type.Optional(WindowHoursInstead),
    group_by: Type.Optional(
      Type.Array(Type.String({ enum: [...DIMENSIONS] }), {
        uniqueItems: true,
        default: ['tool'],
        description: 'Breakdowns of the answer.',
      }),
    ),
    top_n: Type.Optional(TopN),
    include_failed: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'false leaves failed calls out of every figure.',
      }),
    ),
    include_hourly: Type.Optional(Type.Boolean({ default: false })),
  },
  closed,
);

// Without defaults: what a question leaves out is as the policy has it.
const AnomalyParams = Type.Object(
  {
    window_minutes: Type.Optional(
      Type.Integer({ minimum: 5, maximum: 1440, description: 'Of the window that is judged; 60.' }),
    ),
    baseline_hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 744, description: '24.' })),
    ratio_threshold: Type.Optional(
      Type.Number({ exclusiveMinimum: 1, maximum: 1000, description: '3.0.' }),
    ),
    min_calls: Type.Optional(Type.Integer({ minimum: 1, description: '10.' })),
  },
  closed,
);

const WindowParams = Type.Object({ window_hours: Type.Optional(WindowHours) }, closed);

const ok = (body: ToolAnswer['body']): ToolAnswer => ({ status: 200, body });

const provenance = (quality: AuditDataQuality) => ({
  source_backend: quality.sourceBackend,
  partial: quality.partial,
});

const toTimeRange = ({ from, to }: Range) => ({
  from: from.toISOString(),
  to: to.toISOString(),
});

const topRows = (rows: readonly BreakdownRow[] | undefined): readonly BreakdownRow[] =>
  (rows ?? []).filter((row) => row['others'] === undefined);

const toTop = ({ time_range, totals, breakdowns }: CostReport) => ({
  time_range,
  totals,
  top_tools: topRows(breakdowns.tool),
  top_agents: topRows(breakdowns.agent_id),
  top_users: topRows(breakdowns.user_id),
  top_workspaces: topRows(breakdowns.workspace_id),
});

const reportActions = ({ audit, loadWeights, clock }: CostToolOptions) => ({
  report: defineAction({
    effect: 'read',
    description: `Calls, cost units, failures and their breakdowns over a range; the last 24 hours where none is named. Beyond top_n one row, ${OTHERS_KEY}, holds the rest, so that each breakdown adds up to the totals.`,
    params: ReportParams,
    execute: async (params, { signal }) => {
      const range = rangeOf('report', clock, params);
      const { report, quality } = await answerReport(
        { reader: audit, weights: await loadWeights(), signal },
        {
          ...range,
          groupBy: DIMENSIONS.filter((name) => (params.group_by ?? ['tool']).includes(name)),
          topN: params.top_n ?? DEFAULT_TOP_N,
          failedCalls: (params.include_failed ?? true) ? 'included' : 'left_out',
          hourly: (params.include_hourly ?? false) ? 'included' : 'left_out',
        },
      );
      return ok({ ...report, ...provenance(quality) });
    },
  }),
  top: defineAction({
    effect: 'read',
    description: 'The dearest tools, agents, users and workspaces of the last hours.',
    params: Type.Object(
      { window_hours: Type.Optional(WindowHours), top_n: Type.Optional(TopN) },
      closed,
    ),
    execute: async ({ window_hours, top_n }, { signal }) => {
      const { report, quality } = await answerReport(
        { reader: audit, weights: await loadWeights(), signal },
        {
          ...lastHours(clock, window_hours),
          groupBy: ['tool', 'agent_id', 'user_id', 'workspace_id'],
          topN: top_n ?? DEFAULT_TOP_N,
          failedCalls: 'included',
          hourly: 'left_out',
        },
      );
      return ok({ ...toTop(report), ...provenance(quality) });
    },
  }),
  weights: defineAction({
    effect: 'read',
    description: 'The cost policy in force, with every default written out.',
    params: Type.Object({}, closed),
    execute: async () => ok(weightsInForce(await loadWeights())),
  }),
});

const watchActions = ({ audit, loadWeights, clock }: CostToolOptions) => ({
  anomalies: defineAction({
    effect: 'read',
    description:
      'Spikes of cost and of error rate in the last window, per tool, agent and workspace. What is left out is as in the policy.',
    params: AnomalyParams,
    execute: async (params, { signal }) => {
      const weights = await loadWeights();
      const policy = anomalyRuleOf(weights);
      const rule: AnomalyRule = {
        ...policy,
        windowMinutes: params.window_minutes ?? policy.windowMinutes,
        baselineHours: params.baseline_hours ?? policy.baselineHours,
        ratioThreshold: params.ratio_threshold ?? policy.ratioThreshold,
        minCalls: params.min_calls ?? policy.minCalls,
      };
      const to = clock.now();
      const range = { from: new Date(to.getTime() - rule.windowMinutes * MINUTE_MS), to };
      const source = { reader: audit, weights, signal };
      const { anomalies, quality } = await answerAnomalies(source, range, rule);
      return ok({
        time_range: toTimeRange(range),
        window_minutes: rule.windowMinutes,
        baseline_hours: rule.baselineHours,
        ratio_threshold: rule.ratioThreshold,
        min_calls: rule.minCalls,
        anomalies,
        ...provenance(quality),
      });
    },
  }),
  digest: defineAction({
    effect: 'read',
    description: 'The figures of the daily digest for the last hours, up to the last full minute.',
    params: WindowParams,
    execute: async ({ window_hours }, { signal }) => {
      const window = lastHoursToTheMinute(clock, window_hours);
      const weights = await loadWeights();
      const { digest, sourceBackend } = await buildCostDigest(audit, { window, weights, signal });
      return ok({ ...digest, source_backend: sourceBackend });
    },
  }),
  gate: defineAction({
    effect: 'read',
    description:
      'What a deployment should know of cost: budgets, spikes, calls without a price. Warns and always passes.',
    params: WindowParams,
    execute: async ({ window_hours }, { signal }) => {
      const window = lastHoursToTheMinute(clock, window_hours);
      const weights = await loadWeights();
      const { digest, sourceBackend } = await buildCostDigest(audit, { window, weights, signal });
      return ok({
        gate: 'cost',
        mode: 'warn',
        pass: true,
        findings: gateFindings(digest),
        time_range: digest.time_range,
        source_backend: sourceBackend,
        partial: digest.partial,
      });
    },
  }),
});

/**
 * A policy that cannot be read is no fault of the question, yet whoever asks
 * may be the one who can mend it: the answer says where it is broken.
 */
const withToldFaults =
  (load: CostToolOptions['loadWeights']): CostToolOptions['loadWeights'] =>
  async () => {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid_policy') throw error;
      throw new AppError('unavailable', error.message, {
        cause: error,
        violations: error.violations,
      });
    }
  };

/** The tool by which agents and people ask what calls cost. */
export const createCostTool = (given: CostToolOptions): Tool => {
  const options = { ...given, loadWeights: withToldFaults(given.loadWeights) };
  return {
    name: 'cost_analyzer_tool',
    aliases: [],
    description: 'What tool calls cost, by whom, and what stands out.',
    actions: { ...reportActions(options), ...watchActions(options) },
  };
};
