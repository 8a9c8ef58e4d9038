import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/** More would be a mistake in a unit; it also bounds the numbers that sums are made of. */
const MAX_PRICE = 1_000_000_000;

/** Of every figure of the policy; sums are whole numbers of such a part of a unit. */
export const MAX_DECIMALS = 12;
const decimals = { 'x-max-decimals': MAX_DECIMALS };

const price = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: MAX_PRICE, ...decimals, description }));

const Price = Type.Object(
  {
    cost_per_call: price('Cost units of one call; 1.0 where nothing is said.'),
    cost_per_ms: price('Cost units of one millisecond of a call; 0.001 where nothing is said.'),
  },
  closed,
);

const scopeOf = <const Name extends string>(name: Name) =>
  Type.Object(
    { [name]: Type.String({ minLength: 1 }) } as Record<Name, ReturnType<typeof Type.String>>,
    closed,
  );

const Budget = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    scope: Type.Optional(
      Type.Union(
        [scopeOf('tool'), scopeOf('agent_id'), scopeOf('workspace_id'), scopeOf('user_id')],
        { description: 'Whose spend counts; all spend without it.' },
      ),
    ),
    period: Type.Union([Type.Literal('daily'), Type.Literal('monthly')], {
      description: 'daily: the last 24 hours; monthly: the calendar month in UTC.',
    }),
    limit_units: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000_000_000, ...decimals }),
    warn_at: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Share of the limit; 0.8 where nothing is said.',
      }),
    ),
  },
  closed,
);

const Robust = Type.Object(
  {
    weeks: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 26,
        description: 'Earlier weeks whose same window is a sample; 0 leaves the ratio rule alone.',
      }),
    ),
    min_samples: Type.Optional(Type.Integer({ minimum: 3, maximum: 26 })),
    z_threshold: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 100,
        description: 'Distance from the median in spreads; a spread is 1.4826 times the MAD.',
      }),
    ),
    min_spread: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 10,
        description: 'Least spread as a share of the median, for samples that are nearly equal.',
      }),
    ),
  },
  closed,
);

const Anomalies = Type.Object(
  {
    window_minutes: Type.Optional(Type.Integer({ minimum: 5, maximum: 1440 })),
    baseline_hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 744 })),
    ratio_threshold: Type.Optional(Type.Number({ exclusiveMinimum: 1, maximum: 1000 })),
    min_calls: Type.Optional(Type.Integer({ minimum: 1 })),
    min_cost_units: Type.Optional(Type.Number({ minimum: 0, ...decimals })),
    min_failed: Type.Optional(Type.Integer({ minimum: 1 })),
    robust: Type.Optional(Robust),
  },
  closed,
);

/** Schema of `config/cost_weights.yml`. */
export const COST_WEIGHTS = Type.Object(
  {
    version: Type.Optional(Type.Literal(1)),
    defaults: Type.Optional(Price),
    tools: Type.Optional(Type.Record(Type.String({ minLength: 1 }), Price)),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code.' })),
    currency_per_unit: Type.Optional(
      Type.Number({
        minimum: 0,
        ...decimals,
        description: 'Money that one cost unit stands for.',
      }),
    ),
    budgets: Type.Optional(Type.Array(Budget)),
    anomalies: Type.Optional(Anomalies),
  },
  closed,
);

export type CostWeights = Static<typeof COST_WEIGHTS>;

export interface AnomalyRule {
  readonly windowMinutes: number;
  readonly baselineHours: number;
  readonly ratioThreshold: number;
  readonly minCalls: number;
  readonly minCostUnits: number;
  readonly minFailed: number;
  readonly robust: RobustRule;
}

/** When a window is judged by the median and the MAD of the same window of earlier weeks. */
export interface RobustRule {
  readonly weeks: number;
  readonly minSamples: number;
  readonly zThreshold: number;
  readonly minSpread: number;
}

/** The rule as the file has it, with the documented values where it says nothing. */
export const anomalyRuleOf = (weights: CostWeights): AnomalyRule => ({
  windowMinutes: weights.anomalies?.window_minutes ?? 60,
  baselineHours: weights.anomalies?.baseline_hours ?? 24,
  ratioThreshold: weights.anomalies?.ratio_threshold ?? 3,
  minCalls: weights.anomalies?.min_calls ?? 10,
  minCostUnits: weights.anomalies?.min_cost_units ?? 10,
  minFailed: weights.anomalies?.min_failed ?? 5,
  robust: {
    weeks: weights.anomalies?.robust?.weeks ?? 8,
    minSamples: weights.anomalies?.robust?.min_samples ?? 4,
    zThreshold: weights.anomalies?.robust?.z_threshold ?? 5,
    minSpread: weights.anomalies?.robust?.min_spread ?? 0.2,
  },
});
