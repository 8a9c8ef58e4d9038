import { type CostFigure, sumFigures } from './cost-figures.ts';
import type { AnomalyRule } from './cost-weights.ts';
import { ratioOf } from './decimal.ts';
import type { CostAmount, Pricer } from './price.ts';
import {
  CENTRE_SCALE,
  doubledMedian,
  isBeyondNoise,
  type RobustCentre,
  robustCentre,
} from './robust-statistics.ts';
import type { SubjectHistory } from './subject-history.ts';

export type AnomalyKind = 'cost_spike' | 'error_rate_spike' | 'new_spender';

export type SamplesOf =
  | 'same_time_of_week'
  | 'active_windows'
  | 'preceding_windows'
  | 'same_time_of_day'
  | 'none';

/** Why a window stands out. Units are cost units, or a rate from 0 to 1. */
export interface Finding {
  readonly index: number;
  readonly kind: AnomalyKind;
  readonly value: number;
  readonly baseline: number;
  /** Null where the baseline is zero. */
  readonly ratio: number | null;
  readonly method: 'robust' | 'ratio' | 'first_seen';
  readonly samples: number;
  readonly samplesOf: SamplesOf;
  /** Distance from the median in spreads; null by another method, or where the samples are all zero. */
  readonly robustZ: number | null;
  /** How far above its baseline, to find the peak of an episode; comparable within one kind only. */
  readonly excess: bigint;
}

/** Windows of the past to compare with, and what they are. */
interface Samples {
  readonly of: SamplesOf;
  readonly windows: readonly CostFigure[];
}

const RATIO_PLACES = 2;
const RATE_PLACES = 6;
const RATE_SCALE = 1_000_000_000n;
const PRECISION = 1_000_000n;

/**
 * In standard deviations of a count. Rare calls come in clumps by chance: with
 * thousands of windows a digest, three times a handful is no news.
 */
const NOISE_LIMIT = 3.5;

/**
 * The number of calls, what each costs, and a median of few samples scatter
 * about alike: the root of three variances.
 */
const COST_DISPERSION = Math.sqrt(3);

/** So many windows of exactly the same cost are no chance: what makes them does not scatter. */
const STEADY_WINDOWS = 4;

const isSteady = (windows: readonly CostFigure[]): boolean =>
  windows.length >= STEADY_WINDOWS && windows.every(({ cost }) => cost === windows[0]?.cost);

/** A share of the baseline that a subject must have been known for before the ratio rule judges it. */
const KNOWN_SHARE = 0.75;

const toPrecision = (value: number): bigint => BigInt(Math.round(value * Number(PRECISION)));

/** The centre with a spread that nearly equal samples cannot make too small. */
const widenedCentre = (values: readonly bigint[], rule: AnomalyRule): RobustCentre => {
  const centre = robustCentre(values);
  const least = (centre.median * toPrecision(rule.robust.minSpread)) / PRECISION;
  return centre.spread >= least ? centre : { ...centre, spread: least };
};

/** Whether a value lies far enough above the centre; both rules must hold. */
const isFarAbove = (value: bigint, centre: RobustCentre, rule: AnomalyRule): boolean => {
  const scaled = value * CENTRE_SCALE;
  return (
    (scaled - centre.median) * PRECISION >= centre.spread * toPrecision(rule.robust.zThreshold) &&
    scaled * PRECISION >= centre.median * toPrecision(rule.ratioThreshold)
  );
};

const robustZOf = (value: bigint, centre: RobustCentre): number | null =>
  centre.spread === 0n
    ? null
    : ratioOf(value * CENTRE_SCALE - centre.median, centre.spread, RATIO_PLACES);

/** What a window usually comes to: a mean or a median. */
interface Usual {
  readonly cost: CostAmount;
  readonly calls: bigint;
  /** Both figures are this many times too large. */
  readonly times: bigint;
}

const meanOf = (windows: readonly CostFigure[]): Usual => {
  const past = sumFigures(windows);
  return { cost: past.cost, calls: BigInt(past.calls), times: BigInt(windows.length) };
};

const medianOf = (windows: readonly CostFigure[]): Usual => ({
  cost: doubledMedian(windows.map(({ cost }) => cost)),
  calls: doubledMedian(windows.map(({ calls }) => BigInt(calls))),
  times: 2n,
});

/** Cost as a number of calls at their usual cost, so that a few dear calls count as many. */
const isCostBeyondNoise = (window: CostFigure, usual: Usual, limit: number): boolean =>
  usual.cost === 0n
    ? isBeyondNoise({ of: BigInt(window.calls), by: 1n }, { of: 0n, by: 1n }, limit)
    : isBeyondNoise(
        { of: window.cost * usual.calls, by: usual.cost },
        { of: usual.calls, by: usual.times },
        limit,
      );

const robustCost = (
  window: CostFigure,
  samples: Samples,
  index: number,
  rule: AnomalyRule,
  pricer: Pricer,
): Finding | undefined => {
  const centre = widenedCentre(
    samples.windows.map(({ cost }) => cost),
    rule,
  );
  if (!isFarAbove(window.cost, centre, rule)) return undefined;
  const limit = isSteady(samples.windows) ? NOISE_LIMIT : rule.robust.zThreshold * COST_DISPERSION;
  if (!isCostBeyondNoise(window, medianOf(samples.windows), limit)) return undefined;
  const baseline: CostAmount = centre.median / CENTRE_SCALE;
  return {
    index,
    kind: 'cost_spike',
    value: pricer.toUnits(window.cost),
    baseline: pricer.toUnits(baseline),
    ratio:
      centre.median === 0n
        ? null
        : ratioOf(window.cost * CENTRE_SCALE, centre.median, RATIO_PLACES),
    method: 'robust',
    samples: samples.windows.length,
    samplesOf: samples.of,
    robustZ: robustZOf(window.cost, centre),
    excess: window.cost - baseline,
  };
};

const meanExceeds = (a: Samples, b: Samples): boolean =>
  sumFigures(a.windows).cost * BigInt(b.windows.length) >
  sumFigures(b.windows).cost * BigInt(a.windows.length);

const ratioCost = (
  window: CostFigure,
  samples: Samples,
  index: number,
  rule: AnomalyRule,
  pricer: Pricer,
): Finding | undefined => {
  const past = sumFigures(samples.windows);
  const count = BigInt(samples.windows.length);
  const scaled = window.cost * count;
  if (scaled * PRECISION < past.cost * toPrecision(rule.ratioThreshold)) return undefined;
  // Cost scatters as the number of calls does, and a mean of one window as much as the window itself.
  const scatter = isSteady(samples.windows) ? 1 : Math.sqrt(2 + 1 / samples.windows.length);
  const limit = NOISE_LIMIT * scatter;
  if (!isCostBeyondNoise(window, meanOf(samples.windows), limit)) return undefined;
  return {
    index,
    kind: 'cost_spike',
    value: pricer.toUnits(window.cost),
    baseline: ratioOf(toPrecision(pricer.toUnits(past.cost)), PRECISION * count, 3),
    ratio: past.cost === 0n ? null : ratioOf(scaled, past.cost, RATIO_PLACES),
    method: 'ratio',
    samples: samples.windows.length,
    samplesOf: samples.of,
    robustZ: null,
    excess: window.cost - past.cost / count,
  };
};

/** Of several pasts the dearest: a window stands out only when none of them was like it. */
const dearestPast = (
  history: SubjectHistory,
  index: number,
  rule: AnomalyRule,
): Samples | undefined => {
  const { before, sameTime, sameWeekTime } = history.precedents(index);
  const needed = (rule.baselineHours * 60 * KNOWN_SHARE) / rule.windowMinutes;
  const pasts: readonly Samples[] = [
    ...(before.length > 0 && before.length >= Math.floor(needed)
      ? [{ of: 'preceding_windows' as const, windows: before }]
      : []),
    ...sameTime.map((window) => ({ of: 'same_time_of_day' as const, windows: [window] })),
    ...sameWeekTime.map((window) => ({ of: 'same_time_of_week' as const, windows: [window] })),
  ];
  const dearest = pasts.reduce<Samples | undefined>(
    (top, past) => (top === undefined || meanExceeds(past, top) ? past : top),
    undefined,
  );
  if (dearest === undefined || sumFigures(dearest.windows).calls > 0) return dearest;
  // Silent of late, yet not new: its own size whenever it worked.
  const active = history.activeBefore(index);
  return active.length === 0 ? dearest : { of: 'active_windows', windows: active };
};

/** What the first window of a subject is told as, once; null where nobody called before. */
const firstSeen = (window: CostFigure, index: number, pricer: Pricer): Finding => ({
  index,
  kind: 'new_spender',
  value: pricer.toUnits(window.cost),
  baseline: 0,
  ratio: null,
  method: 'first_seen',
  samples: 0,
  samplesOf: 'none',
  robustZ: null,
  excess: window.cost,
});

export const judgeCost = (
  history: SubjectHistory,
  index: number,
  rule: AnomalyRule,
  pricer: Pricer,
): Finding | undefined => {
  const window = history.windows[index];
  if (window === undefined || window.cost === 0n) return undefined;
  if (window.calls < rule.minCalls || window.cost < pricer.amountOf(rule.minCostUnits))
    return undefined;
  if (!history.wasSeenBefore(index)) return firstSeen(window, index, pricer);
  const { sameWeekTime } = history.precedents(index);
  if (sameWeekTime.length >= rule.robust.minSamples) {
    const regular: Samples = { of: 'same_time_of_week', windows: sameWeekTime };
    const found = robustCost(window, regular, index, rule, pricer);
    if (found === undefined || found.baseline > 0) return found;
    // Mostly idle at this time: what matters is its size when it works.
    const active = history.activeBefore(index);
    return active.length < rule.robust.minSamples
      ? found
      : robustCost(window, { of: 'active_windows', windows: active }, index, rule, pricer);
  }
  const past = dearestPast(history, index, rule);
  return past === undefined ? undefined : ratioCost(window, past, index, rule, pricer);
};

/**
 * None failed so far does not mean that none can: one is added to the past. A
 * past of few calls tells its rate badly, so that chance explains more.
 */
const isErrorsBeyondNoise = (window: CostFigure, past: CostFigure, limit: number): boolean =>
  isBeyondNoise(
    { of: BigInt(window.failed), by: 1n },
    { of: BigInt(past.failed + 1) * BigInt(window.calls), by: BigInt(past.calls + 1) },
    limit * Math.sqrt(1 + window.calls / past.calls),
  );

const rateOf = ({ failed, calls }: CostFigure): bigint =>
  (BigInt(failed) * RATE_SCALE) / BigInt(calls);

const toRate = (scaled: bigint, scale: bigint): number =>
  ratioOf(scaled, RATE_SCALE * scale, RATE_PLACES);

/** The sum of the samples but for the one with the highest rate, which may itself have been a fault. */
const withoutWorst = (samples: readonly CostFigure[]): CostFigure =>
  sumFigures([...samples].sort((a, b) => Number(rateOf(a) - rateOf(b))).slice(0, -1));

const robustErrors = (
  window: CostFigure,
  samples: readonly CostFigure[],
  index: number,
  rule: AnomalyRule,
): Finding | undefined => {
  const centre = widenedCentre(samples.map(rateOf), rule);
  const rate = rateOf(window);
  if (!isFarAbove(rate, centre, rule)) return undefined;
  const past = withoutWorst(samples);
  if (!isErrorsBeyondNoise(window, past, rule.robust.zThreshold)) return undefined;
  return {
    index,
    kind: 'error_rate_spike',
    value: toRate(rate, 1n),
    baseline: toRate(centre.median, CENTRE_SCALE),
    ratio: centre.median === 0n ? null : ratioOf(rate * CENTRE_SCALE, centre.median, RATIO_PLACES),
    method: 'robust',
    samples: samples.length,
    samplesOf: 'same_time_of_week',
    robustZ: robustZOf(rate, centre),
    excess: rate,
  };
};

const ratioErrors = (
  window: CostFigure,
  before: readonly CostFigure[],
  index: number,
  rule: AnomalyRule,
): Finding | undefined => {
  const past = sumFigures(before);
  // Too few calls before it: nobody knows what its usual rate is.
  if (past.calls < rule.minCalls) return undefined;
  const left = BigInt(window.failed) * BigInt(past.calls);
  const right = BigInt(past.failed) * BigInt(window.calls);
  if (left * PRECISION < right * toPrecision(rule.ratioThreshold)) return undefined;
  if (!isErrorsBeyondNoise(window, past, NOISE_LIMIT)) return undefined;
  return {
    index,
    kind: 'error_rate_spike',
    value: toRate(rateOf(window), 1n),
    baseline: ratioOf(past.failed, past.calls, RATE_PLACES),
    ratio: past.failed === 0 ? null : ratioOf(left, right, RATIO_PLACES),
    method: 'ratio',
    samples: before.length,
    samplesOf: 'preceding_windows',
    robustZ: null,
    excess: rateOf(window),
  };
};

export const judgeErrors = (
  history: SubjectHistory,
  index: number,
  rule: AnomalyRule,
): Finding | undefined => {
  const window = history.windows[index];
  if (window === undefined || window.calls < rule.minCalls || window.failed < rule.minFailed)
    return undefined;
  const { before, sameWeekTime } = history.precedents(index);
  const telling = sameWeekTime.filter((sample) => sample.calls >= rule.minCalls);
  return telling.length >= rule.robust.minSamples
    ? robustErrors(window, telling, index, rule)
    : ratioErrors(window, before, index, rule);
};
