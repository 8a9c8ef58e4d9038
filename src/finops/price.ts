import { AppError } from '#core/errors';
import { type CostWeights, MAX_DECIMALS } from './cost-weights.ts';
import { type Decimal, formatDecimal, parseDecimal, rescale, toNumber } from './decimal.ts';

/** Cost units as an integer of `10^-scale` of the pricer that made it. */
export type CostAmount = bigint;

export interface Spend {
  readonly calls: number;
  readonly durationMs: number;
}

/** Prices calls exactly: `calls × cost_per_call + duration_ms × cost_per_ms`. */
export interface Pricer {
  /** Tools with an entry of their own; all others cost the same. */
  readonly pricedTools: readonly string[];
  isPriced(tool: string | undefined): boolean;
  /** `tool` undefined: the default price. */
  costOf(tool: string | undefined, spend: Spend): CostAmount;
  /** A figure of the policy in the pricer's own unit. */
  amountOf(costUnits: number): CostAmount;
  /** Exact up to 15 digits. */
  toUnits(amount: CostAmount): number;
  /** With thousands apart and the given number of places. */
  format(amount: CostAmount, places: number): string;
  /** Money for an amount, when the policy has a price for the unit. */
  readonly money: { readonly currency: string; toMoney(amount: CostAmount): number } | undefined;
}

/** Decimals of the documented default weights; figures never have fewer. */
const MIN_SCALE = 3;
const MONEY_PLACES = 2;

export const DEFAULT_COST_PER_CALL = 1;
export const DEFAULT_COST_PER_MS = 0.001;

const checkedDecimal = (value: number, where: string): Decimal => {
  const decimal = parseDecimal(value);
  if (decimal.scale > MAX_DECIMALS) {
    throw new AppError(
      'invalid_policy',
      `config/cost_weights.yml: ${where} has ${decimal.scale} decimals; at most ${MAX_DECIMALS} are accepted.`,
    );
  }
  return decimal;
};

const groupThousands = (decimalText: string): string => {
  const [whole = '', fraction] = decimalText.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
};

interface ToolPrice {
  readonly perCall: Decimal;
  readonly perMs: Decimal;
}

export const createPricer = (weights: CostWeights): Pricer => {
  const fallback: ToolPrice = {
    perCall: checkedDecimal(
      weights.defaults?.cost_per_call ?? DEFAULT_COST_PER_CALL,
      'defaults.cost_per_call',
    ),
    perMs: checkedDecimal(
      weights.defaults?.cost_per_ms ?? DEFAULT_COST_PER_MS,
      'defaults.cost_per_ms',
    ),
  };
  const prices = new Map<string, ToolPrice>(
    Object.entries(weights.tools ?? {}).map(([tool, price]) => [
      tool,
      {
        perCall:
          price.cost_per_call === undefined
            ? fallback.perCall
            : checkedDecimal(price.cost_per_call, `tools.${tool}.cost_per_call`),
        perMs:
          price.cost_per_ms === undefined
            ? fallback.perMs
            : checkedDecimal(price.cost_per_ms, `tools.${tool}.cost_per_ms`),
      },
    ]),
  );
  const policyFigures = [
    ...(weights.budgets ?? []).map((budget) =>
      checkedDecimal(budget.limit_units, `budget ${budget.name}`),
    ),
    checkedDecimal(weights.anomalies?.min_cost_units ?? 0, 'anomalies.min_cost_units'),
  ];
  const scale = Math.max(
    MIN_SCALE,
    ...policyFigures.map((figure) => figure.scale),
    ...[fallback, ...prices.values()].flatMap(({ perCall, perMs }) => [perCall.scale, perMs.scale]),
  );
  const perUnit =
    weights.currency_per_unit === undefined
      ? undefined
      : checkedDecimal(weights.currency_per_unit, 'currency_per_unit');

  return {
    pricedTools: [...prices.keys()].sort(),
    isPriced: (tool) => tool !== undefined && prices.has(tool),
    costOf(tool, spend) {
      const price = (tool === undefined ? undefined : prices.get(tool)) ?? fallback;
      return (
        BigInt(spend.calls) * rescale(price.perCall, scale) +
        BigInt(spend.durationMs) * rescale(price.perMs, scale)
      );
    },
    amountOf: (costUnits) => rescale(parseDecimal(costUnits), scale),
    toUnits: (amount) => toNumber(amount, scale),
    format: (amount, places) => groupThousands(formatDecimal(amount, scale, places)),
    money:
      perUnit === undefined
        ? undefined
        : {
            currency: weights.currency ?? 'XXX',
            toMoney: (amount) =>
              Number(formatDecimal(amount * perUnit.digits, scale + perUnit.scale, MONEY_PLACES)),
          },
  };
};
