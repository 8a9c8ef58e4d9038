import type { AuditDimension, AuditView } from '#audit/audit-store';
import { type CostFigure, NO_CALLS, readByKey, readSeries } from './cost-figures.ts';
import type { CostWeights } from './cost-weights.ts';
import { ratioOf } from './decimal.ts';
import { DAY_MS, type ForecastInputs, forecastAmount, meanStart, monthStart } from './forecast.ts';
import type { CostAmount, Pricer } from './price.ts';
import type { TotalSpend } from './total-spend.ts';

export type Budget = NonNullable<CostWeights['budgets']>[number];

export type BudgetState = 'ok' | 'warning' | 'exceeded' | 'on_pace_to_exceed';

export interface BudgetBurn {
  readonly name: string;
  /** Null: all spend counts. */
  readonly scope: { readonly dimension: AuditDimension; readonly key: string } | null;
  readonly period: 'daily' | 'monthly';
  readonly from: string;
  readonly to: string;
  readonly limit_units: number;
  readonly spent_units: number;
  /** Calls in the spend whose tool has no price of its own. */
  readonly unpriced_calls: number;
  /** `spent / limit`, to 4 digits. */
  readonly used: number;
  /** Of the whole period; null for daily budgets and without recent calls. */
  readonly projected_units: number | null;
  readonly state: BudgetState;
}

const DEFAULT_WARN_AT = 0.8;

const SCOPE_DIMENSIONS = ['tool', 'agent_id', 'workspace_id', 'user_id'] as const;

const scopeOf = (budget: Budget): BudgetBurn['scope'] => {
  const scope: Partial<Record<AuditDimension, string>> = budget.scope ?? {};
  for (const dimension of SCOPE_DIMENSIONS) {
    const key = scope[dimension];
    if (key !== undefined) return { dimension, key };
  }
  return null;
};

export interface BudgetSpend {
  readonly from: Date;
  readonly to: Date;
  readonly spent: CostFigure;
  readonly projected: CostAmount | null;
}

/** Where a budget stands: exceeded before on pace to exceed before warned of. */
const judgeBudget = (budget: Budget, spend: BudgetSpend, pricer: Pricer): BudgetBurn => {
  const limit = pricer.amountOf(budget.limit_units);
  const used = ratioOf(spend.spent.cost, limit, 4);
  const state: BudgetState =
    spend.spent.cost > limit
      ? 'exceeded'
      : spend.projected !== null && spend.projected > limit
        ? 'on_pace_to_exceed'
        : used >= (budget.warn_at ?? DEFAULT_WARN_AT)
          ? 'warning'
          : 'ok';
  return {
    name: budget.name,
    scope: scopeOf(budget),
    period: budget.period,
    from: spend.from.toISOString(),
    to: spend.to.toISOString(),
    limit_units: budget.limit_units,
    spent_units: pricer.toUnits(spend.spent.cost),
    unpriced_calls: spend.spent.unpriced,
    used,
    projected_units: spend.projected === null ? null : pricer.toUnits(spend.projected),
    state,
  };
};

/** Where spend is read from; `spend` covers all that is asked of the view. */
export interface SpendSource {
  readonly view: AuditView;
  readonly pricer: Pricer;
  readonly spend: TotalSpend;
}

/** Spend of all, or of one value of a dimension. */
type ScopedReader = {
  total(from: Date, to: Date): Promise<CostFigure>;
  days(from: Date, to: Date): Promise<readonly CostFigure[]>;
};

const readerOf = (
  { view, pricer, spend }: SpendSource,
  scope: BudgetBurn['scope'],
): ScopedReader => {
  if (scope === null) {
    return {
      total: (from, to) => spend.total({ from, to }),
      days: (from, to) => spend.series({ from, to }, DAY_MS),
    };
  }
  const { dimension, key } = scope;
  return {
    total: async (from, to) =>
      (await readByKey(view, pricer, { from, to, dimension })).get(key) ?? NO_CALLS,
    days: async (from, to) =>
      (await readSeries(view, pricer, { from, to, dimension, bucketMs: DAY_MS })).get(key) ?? [],
  };
};

/** What a forecast at `at` is made from, for all spend or for a scope. */
export const readForecastInputs = async (
  source: SpendSource,
  at: Date,
  scope: BudgetBurn['scope'] = null,
): Promise<ForecastInputs> => {
  const reader = readerOf(source, scope);
  const [monthToDate, days] = await Promise.all([
    reader.total(monthStart(at), at),
    reader.days(meanStart(at), at),
  ]);
  const firstActiveDay = days.findIndex((day) => day.calls > 0);
  return {
    at,
    monthToDate,
    days: days.map((day) => day.cost),
    firstActiveDay: firstActiveDay < 0 ? null : firstActiveDay,
  };
};

const readSpend = async (source: SpendSource, budget: Budget, at: Date): Promise<BudgetSpend> => {
  if (budget.period === 'daily') {
    const from = new Date(at.getTime() - DAY_MS);
    const spent = await readerOf(source, scopeOf(budget)).total(from, at);
    return { from, to: at, spent, projected: null };
  }
  const inputs = await readForecastInputs(source, at, scopeOf(budget));
  return {
    from: monthStart(at),
    to: at,
    spent: inputs.monthToDate,
    projected: forecastAmount(inputs),
  };
};

/** Every budget of the policy as of `at`, in the order of the file. */
export const readBudgetBurns = async (
  source: SpendSource,
  budgets: readonly Budget[],
  at: Date,
): Promise<readonly BudgetBurn[]> =>
  Promise.all(
    budgets.map(async (budget) =>
      judgeBudget(budget, await readSpend(source, budget, at), source.pricer),
    ),
  );
