import type { AuditReader, AuditView, RejectedLine } from '#audit/audit-store';
import { type Anomaly, findAnomalies } from './anomalies.ts';
import { type BudgetBurn, readBudgetBurns, readForecastInputs } from './budgets.ts';
import type { CostFigure } from './cost-figures.ts';
import { buildCostReport, type CostReport } from './cost-report.ts';
import { anomalyRuleOf, type CostWeights } from './cost-weights.ts';
import { ratioOf } from './decimal.ts';
import { DAY_MS, type Forecast, forecastMonth, meanStart, monthStart } from './forecast.ts';
import { createPricer, type Pricer } from './price.ts';
import {
  type EarlierWeeks,
  mainViewStart,
  mergeQualities,
  readEarlierWeeks,
  readHistory,
} from './read-history.ts';
import { type Recommendation, recommend } from './recommendations.ts';
import { withSharedScans } from './shared-scans.ts';
import { createTotalSpend, type TotalSpend } from './total-spend.ts';
import { planWindows } from './window-history.ts';

/** The same length of time, earlier. `change` is null where there is nothing to compare with. */
export interface Comparison {
  readonly from: string;
  readonly to: string;
  readonly calls: number;
  readonly cost_units: number;
  readonly unpriced_calls: number;
  /** `cost / cost then − 1`, to 4 digits; null when there were no calls then. */
  readonly cost_change: number | null;
  readonly calls_change: number | null;
}

export interface CostDigest extends CostReport {
  readonly partial: boolean;
  readonly input_problems: {
    readonly rejected_lines: number;
    /** The first 20, of all days that the report's figures reach back to. */
    readonly first: readonly RejectedLine[];
    readonly problems: readonly string[];
  };
  readonly comparisons: {
    readonly previous: Comparison;
    /** Null when the window is so long that it is the previous one. */
    readonly same_weekday: Comparison | null;
  };
  readonly anomalies: readonly Anomaly[];
  readonly budgets: readonly BudgetBurn[];
  readonly forecast: Forecast;
  readonly recommendations: readonly Recommendation[];
}

export interface CostDigestRequest {
  readonly window: { readonly from: Date; readonly to: Date };
  readonly weights: CostWeights;
  readonly signal: AbortSignal;
}

export interface CostDigestAnswer {
  readonly digest: CostDigest;
  /** Where it was read; for the ledger, never for the report. */
  readonly sourceBackend: string;
}

const WEEK_MS = 7 * DAY_MS;
const REJECTED_SHOWN = 20;
/** Rows of a breakdown in the JSON; beyond, one row stands for the rest. */
const MAX_ROWS = 1000;

const shifted = (window: CostDigestRequest['window'], ms: number): { from: Date; to: Date } => ({
  from: new Date(window.from.getTime() - ms),
  to: new Date(window.to.getTime() - ms),
});

const lengthOf = (window: CostDigestRequest['window']): number =>
  window.to.getTime() - window.from.getTime();

/** Whole weeks back, far enough not to overlap the window itself. */
const weekdayShiftOf = (window: CostDigestRequest['window']): number =>
  Math.max(1, Math.ceil(lengthOf(window) / WEEK_MS)) * WEEK_MS;

const changeOf = (now: bigint, then: bigint): number | null =>
  then === 0n ? null : ratioOf(now - then, then, 4);

const compareWith = async (
  spend: TotalSpend,
  pricer: Pricer,
  now: CostFigure,
  range: { readonly from: Date; readonly to: Date },
): Promise<Comparison> => {
  const then = await spend.total(range);
  return {
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    calls: then.calls,
    cost_units: pricer.toUnits(then.cost),
    unpriced_calls: then.unpriced,
    cost_change: changeOf(now.cost, then.cost),
    calls_change: changeOf(BigInt(now.calls), BigInt(then.calls)),
  };
};

/** The earliest instant that any figure of the digest needs, earlier weeks aside. */
const neededFrom = ({ window }: CostDigestRequest): Date =>
  new Date(
    Math.min(
      window.from.getTime() - Math.max(lengthOf(window), weekdayShiftOf(window)),
      monthStart(window.to).getTime(),
      meanStart(window.to).getTime(),
    ),
  );

interface Inputs {
  readonly view: AuditView;
  /** Start of the view. */
  readonly from: Date;
  readonly pricer: Pricer;
  readonly earlier: EarlierWeeks;
}

const build = async (request: CostDigestRequest, inputs: Inputs): Promise<CostDigest> => {
  const { window, weights } = request;
  const { pricer, earlier } = inputs;
  const view = withSharedScans(inputs.view);
  const rule = anomalyRuleOf(weights);
  const plan = planWindows(window, rule);
  const spend = createTotalSpend(
    view,
    pricer,
    { from: inputs.from, to: window.to },
    { splitAt: plan.recent.from },
  );
  const source = { view, pricer, spend };
  // Asked together, so that what reads the same range shares a scan.
  const [{ report, total, figures }, history, budgets, forecast] = await Promise.all([
    buildCostReport(
      view,
      pricer,
      {
        ...window,
        groupBy: ['tool', 'agent_id', 'user_id', 'workspace_id', 'status'],
        topN: MAX_ROWS,
        failedCalls: 'included',
        hourly: 'included',
      },
      { spend },
    ),
    readHistory(view, pricer, plan, earlier),
    readBudgetBurns(source, weights.budgets ?? [], window.to),
    readForecastInputs(source, window.to),
  ]);
  const weekdayShift = weekdayShiftOf(window);
  const anomalies = findAnomalies(history, rule, pricer);
  const quality = mergeQualities(inputs.view.quality, earlier.qualities);
  return {
    ...report,
    partial: quality.partial,
    input_problems: {
      rejected_lines: quality.rejectedCount,
      first: quality.rejected.slice(0, REJECTED_SHOWN),
      problems: quality.problems,
    },
    comparisons: {
      previous: await compareWith(spend, pricer, total, shifted(window, lengthOf(window))),
      same_weekday:
        weekdayShift === lengthOf(window)
          ? null
          : await compareWith(spend, pricer, total, shifted(window, weekdayShift)),
    },
    anomalies,
    budgets,
    forecast: forecastMonth(forecast, pricer),
    recommendations: recommend({
      total,
      tools: figures.tool ?? new Map(),
      agents: figures.agent_id ?? new Map(),
      anomalies,
      budgets,
      rejectedLines: quality.rejectedCount,
      pricer,
    }),
  };
};

/**
 * The daily digest's figures for a window: a function of the audit trail as of
 * the window's end and of the policy, and of nothing else.
 */
export const buildCostDigest = async (
  reader: AuditReader,
  request: CostDigestRequest,
): Promise<CostDigestAnswer> => {
  const { window, weights, signal } = request;
  const pricer = createPricer(weights);
  const plan = planWindows(window, anomalyRuleOf(weights));
  const from = mainViewStart(plan, neededFrom(request));
  const earlier = await readEarlierWeeks(reader, pricer, plan, { mainFrom: from, signal });
  const view = await reader.open({ from, to: window.to, signal });
  try {
    const digest = await build(request, { view, from, pricer, earlier });
    return { digest, sourceBackend: view.quality.sourceBackend };
  } finally {
    await view.close();
  }
};
