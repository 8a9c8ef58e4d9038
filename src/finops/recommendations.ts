import type { Anomaly } from './anomalies.ts';
import type { BudgetBurn } from './budgets.ts';
import type { CostFigure } from './cost-figures.ts';
import { ratioOf } from './decimal.ts';
import type { Pricer } from './price.ts';

/** One thing worth doing, with the figures that say so. */
export interface Recommendation {
  /** Stable id of the rule. */
  readonly rule: string;
  readonly subject: string;
  readonly text: string;
  readonly figures: Readonly<Record<string, number | string | null>>;
}

export interface RecommendationInputs {
  readonly total: CostFigure;
  readonly tools: ReadonlyMap<string, CostFigure>;
  readonly agents: ReadonlyMap<string, CostFigure>;
  readonly anomalies: readonly Anomaly[];
  readonly budgets: readonly BudgetBurn[];
  readonly rejectedLines: number;
  readonly pricer: Pricer;
}

type Rule = (inputs: RecommendationInputs) => readonly Recommendation[];

/** Fewer calls than this say nothing about a rate. */
const MIN_CALLS = 20;
const HIGH_ERROR_RATE = 0.1;
const HIGH_DENIED_RATE = 0.1;
const CONCENTRATED_SHARE = 0.5;
const MAX_PER_RULE = 3;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Dearest first, then by name, so that the order never depends on the backend. */
const ranked = (
  figures: ReadonlyMap<string, CostFigure>,
): readonly (readonly [string, CostFigure])[] =>
  [...figures].sort(([keyA, a], [keyB, b]) =>
    a.cost === b.cost ? (keyA < keyB ? -1 : 1) : a.cost > b.cost ? -1 : 1,
  );

const budgetRule: Rule = ({ budgets }) =>
  budgets
    .filter((burn) => burn.state !== 'ok')
    .map((burn) => {
      const over =
        burn.projected_units === null
          ? null
          : Math.round((burn.projected_units / burn.limit_units - 1) * 100);
      const text =
        burn.state === 'exceeded'
          ? `has used ${percent(burn.used)} of its limit; lower the spend or raise the limit.`
          : burn.state === 'on_pace_to_exceed'
            ? `is on pace to exceed its limit by ${over} %; look at its dearest callers now.`
            : `has used ${percent(burn.used)} of its limit; keep an eye on it.`;
      return {
        rule: 'COST-BUDGET',
        subject: `budget ${burn.name}`,
        text,
        figures: {
          limit_units: burn.limit_units,
          spent_units: burn.spent_units,
          projected_units: burn.projected_units,
        },
      };
    });

const SUBJECT_NAMES = { tool: 'tool', agent_id: 'agent', workspace_id: 'workspace' } as const;

/** One line per subject, its dearest anomaly; the others stand in the report's table. */
const spikeRule: Rule = ({ anomalies }) =>
  anomalies
    .filter((anomaly) => anomaly.kind !== 'error_rate_spike')
    .filter(
      (anomaly, index, all) =>
        all.findIndex(
          (other) => other.dimension === anomaly.dimension && other.key === anomaly.key,
        ) === index,
    )
    .slice(0, MAX_PER_RULE)
    .map((anomaly) => ({
      rule: anomaly.kind === 'new_spender' ? 'COST-NEW' : 'COST-SPIKE',
      subject: `${SUBJECT_NAMES[anomaly.dimension]} ${anomaly.key}`,
      text:
        anomaly.kind === 'new_spender'
          ? 'began to spend; it was not seen before. Confirm that it is meant to run.'
          : anomaly.ratio === null
            ? 'cost something where it usually costs nothing; find out what called it.'
            : `cost ${anomaly.ratio} times its usual in its worst window; find out what called it.`,
      figures: {
        cost_units: anomaly.cost_units,
        calls: anomaly.calls,
        unpriced_calls: anomaly.unpriced_calls,
        peak_at: anomaly.peak_at,
        baseline_units: anomaly.baseline,
      },
    }));

const errorRule: Rule = ({ tools }) =>
  ranked(tools)
    .filter(
      ([, figure]) =>
        figure.calls >= MIN_CALLS && ratioOf(figure.failed, figure.calls, 6) >= HIGH_ERROR_RATE,
    )
    .slice(0, MAX_PER_RULE)
    .map(([tool, figure]) => ({
      rule: 'COST-ERRORS',
      subject: `tool ${tool}`,
      text: `fails in ${percent(ratioOf(figure.failed, figure.calls, 6))} of its calls, which are paid for all the same; mend it or stop retrying.`,
      figures: { calls: figure.calls, failed: figure.failed },
    }));

const deniedRule: Rule = ({ agents }) =>
  ranked(agents)
    .filter(
      ([, figure]) =>
        figure.calls >= MIN_CALLS && ratioOf(figure.denied, figure.calls, 6) >= HIGH_DENIED_RATE,
    )
    .slice(0, MAX_PER_RULE)
    .map(([agent, figure]) => ({
      rule: 'COST-DENIED',
      subject: `agent ${agent}`,
      text: `is denied in ${percent(ratioOf(figure.denied, figure.calls, 6))} of its calls; give it the entitlement or stop it from asking.`,
      figures: { calls: figure.calls, denied: figure.denied },
    }));

const concentrationRule: Rule = ({ agents, total, pricer }) => {
  const [top] = ranked(agents);
  if (top === undefined || agents.size < 3 || total.calls < MIN_CALLS) return [];
  const [agent, figure] = top;
  const share = ratioOf(figure.cost, total.cost, 6);
  if (share < CONCENTRATED_SHARE) return [];
  return [
    {
      rule: 'COST-CONCENTRATION',
      subject: `agent ${agent}`,
      text: `makes ${percent(share)} of all cost; a budget of its own would show when it grows.`,
      figures: { cost_units: pricer.toUnits(figure.cost), share },
    },
  ];
};

const coverageRule: Rule = ({ tools, total, pricer }) => {
  if (total.unpriced === 0) return [];
  const unpriced = ranked(tools).filter(([tool]) => !pricer.isPriced(tool));
  return [
    {
      rule: 'COST-COVERAGE',
      subject: 'config/cost_weights.yml',
      text: `has no price for ${unpriced.length} of ${tools.size} tools (dearest: ${unpriced
        .slice(0, MAX_PER_RULE)
        .map(([tool]) => tool)
        .join(', ')}); their calls are counted at the default price.`,
      figures: { unpriced_calls: total.unpriced, calls: total.calls },
    },
  ];
};

const rejectedRule: Rule = ({ rejectedLines }) =>
  rejectedLines === 0
    ? []
    : [
        {
          rule: 'COST-INPUT',
          subject: 'audit files',
          text: 'hold lines that are not events; find the writer that makes them, its calls are missing here.',
          figures: { rejected_lines: rejectedLines },
        },
      ];

const RULES: readonly Rule[] = [
  budgetRule,
  spikeRule,
  errorRule,
  deniedRule,
  concentrationRule,
  coverageRule,
  rejectedRule,
];

/** Most pressing first: the order of the rules, and by cost within one. */
export const recommend = (inputs: RecommendationInputs): readonly Recommendation[] =>
  RULES.flatMap((rule) => rule(inputs));
