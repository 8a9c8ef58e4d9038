import { anomalyRuleOf, type CostWeights } from './cost-weights.ts';
import { DEFAULT_COST_PER_CALL, DEFAULT_COST_PER_MS } from './price.ts';

/** The policy with every default written out, under the names of its file. */
export const weightsInForce = (weights: CostWeights): Readonly<Record<string, unknown>> => {
  const defaults = {
    cost_per_call: weights.defaults?.cost_per_call ?? DEFAULT_COST_PER_CALL,
    cost_per_ms: weights.defaults?.cost_per_ms ?? DEFAULT_COST_PER_MS,
  };
  const rule = anomalyRuleOf(weights);
  return {
    version: 1,
    defaults,
    tools: Object.fromEntries(
      Object.entries(weights.tools ?? {}).map(([tool, price]) => [tool, { ...defaults, ...price }]),
    ),
    currency: weights.currency ?? null,
    currency_per_unit: weights.currency_per_unit ?? null,
    budgets: weights.budgets ?? [],
    anomalies: {
      window_minutes: rule.windowMinutes,
      baseline_hours: rule.baselineHours,
      ratio_threshold: rule.ratioThreshold,
      min_calls: rule.minCalls,
      min_cost_units: rule.minCostUnits,
      min_failed: rule.minFailed,
      robust: {
        weeks: rule.robust.weeks,
        min_samples: rule.robust.minSamples,
        z_threshold: rule.robust.zThreshold,
        min_spread: rule.robust.minSpread,
      },
    },
  };
};
