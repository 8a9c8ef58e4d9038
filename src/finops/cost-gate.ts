import type { CostDigest } from './cost-digest.ts';

export interface GateFinding {
  /** Stable id of the rule. */
  readonly rule: string;
  readonly subject: string;
  readonly message: string;
  readonly figures: Readonly<Record<string, number | string | null>>;
}

const GATED_RULES: ReadonlySet<string> = new Set([
  'COST-BUDGET',
  'COST-SPIKE',
  'COST-NEW',
  'COST-COVERAGE',
]);

/** What a deployment should know of cost: budgets, spikes of cost and errors, calls without a price. */
export const gateFindings = (digest: CostDigest): readonly GateFinding[] => [
  ...digest.recommendations
    .filter(({ rule }) => GATED_RULES.has(rule))
    .map(({ rule, subject, text, figures }) => ({
      rule,
      subject,
      message: `${subject} ${text}`,
      figures,
    })),
  ...digest.anomalies
    .filter(({ kind }) => kind === 'error_rate_spike')
    .map(({ dimension, key, value, baseline, window, calls, failed }) => ({
      rule: 'COST-ERROR-SPIKE',
      subject: `${dimension} ${key}`,
      message: `${dimension} ${key} failed in ${(value * 100).toFixed(1)} % of its calls at worst, usually in ${(baseline * 100).toFixed(1)} %.`,
      figures: { from: window.from, to: window.to, calls, failed },
    })),
];
