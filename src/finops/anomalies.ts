import type { CostFigure } from './cost-figures.ts';
import type { AnomalyRule } from './cost-weights.ts';
import { ratioOf } from './decimal.ts';
import type { CostAmount, Pricer } from './price.ts';

export type AnomalyDimension = 'tool' | 'agent_id' | 'workspace_id';

export type AnomalyKind = 'cost_spike' | 'error_rate_spike' | 'new_spender';

/** Windows of one subject that follow each other and stand out in the same way. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly dimension: AnomalyDimension;
  readonly key: string;
  readonly from: string;
  readonly to: string;
  /** Over the whole of `from` to `to`. */
  readonly calls: number;
  readonly cost_units: number;
  readonly failed: number;
  /** The window that stands out most; units are cost units, or a rate from 0 to 1. */
  readonly peak: {
    readonly from: string;
    readonly value: number;
    readonly baseline: number;
    /** Null where the baseline is zero. */
    readonly ratio: number | null;
  };
}

/** Windows in a row: first those that only serve as baseline, then those that are judged. */
export interface WindowSeries {
  readonly startAt: Date;
  readonly windowMs: number;
  readonly baselineWindows: number;
  /** Calls of everybody per window. */
  readonly allCalls: readonly number[];
  readonly subjects: readonly {
    readonly dimension: AnomalyDimension;
    readonly key: string;
    readonly windows: readonly CostFigure[];
  }[];
}

/** Sums over the windows before one, by which it is judged. */
interface Baseline {
  readonly windows: number;
  readonly calls: number;
  readonly failed: number;
  readonly cost: CostAmount;
}

interface Finding {
  readonly index: number;
  readonly kind: AnomalyKind;
  readonly value: number;
  readonly baseline: number;
  readonly ratio: number | null;
  /** How far above its baseline, to find the peak of an episode; comparable within one kind only. */
  readonly excess: bigint;
}

const RATIO_PLACES = 2;
const RATE_PLACES = 6;
const PRECISION = 1_000_000n;

const toPrecision = (value: number): bigint => BigInt(Math.round(value * Number(PRECISION)));

/**
 * The ratio rule: a window against the mean of the windows before it. Windows
 * before the subject's first call do not count, or whatever began less than a
 * baseline ago would look like a spike for the rest of that time; its beginning
 * is reported once, as a new spender.
 */
const judgeCost = (
  window: CostFigure,
  base: Baseline,
  index: number,
  rule: AnomalyRule,
  pricer: Pricer,
): Finding | undefined => {
  if (window.calls < rule.minCalls || window.cost < pricer.amountOf(rule.minCostUnits))
    return undefined;
  if (window.cost === 0n) return undefined;
  const value = pricer.toUnits(window.cost);
  if (base.calls === 0) {
    return { index, kind: 'new_spender', value, baseline: 0, ratio: null, excess: window.cost };
  }
  const scaled = window.cost * BigInt(base.windows);
  if (scaled * PRECISION < base.cost * toPrecision(rule.ratioThreshold)) return undefined;
  return {
    index,
    kind: 'cost_spike',
    value,
    baseline: ratioOf(toPrecision(pricer.toUnits(base.cost)), PRECISION * BigInt(base.windows), 3),
    ratio: base.cost === 0n ? null : ratioOf(scaled, base.cost, RATIO_PLACES),
    excess: scaled - base.cost,
  };
};

const judgeErrors = (
  window: CostFigure,
  base: Baseline,
  index: number,
  rule: AnomalyRule,
): Finding | undefined => {
  if (window.calls < rule.minCalls || window.failed < rule.minFailed) return undefined;
  // Too few calls before it: nobody knows what its usual rate is.
  if (base.calls < rule.minCalls) return undefined;
  const left = BigInt(window.failed) * BigInt(base.calls);
  const right = BigInt(base.failed) * BigInt(window.calls);
  if (left * PRECISION < right * toPrecision(rule.ratioThreshold)) return undefined;
  return {
    index,
    kind: 'error_rate_spike',
    value: ratioOf(window.failed, window.calls, RATE_PLACES),
    baseline: ratioOf(base.failed, base.calls, RATE_PLACES),
    ratio: base.failed === 0 ? null : ratioOf(left, right, RATIO_PLACES),
    excess: toPrecision(ratioOf(window.failed, window.calls, RATE_PLACES)),
  };
};

/** Findings of one kind whose windows touch become one. */
const toEpisodes = (findings: readonly Finding[]): readonly (readonly Finding[])[] => {
  const episodes: Finding[][] = [];
  for (const finding of findings) {
    const last = episodes.at(-1);
    const before = last?.at(-1);
    if (before?.index === finding.index - 1 && before.kind === finding.kind) last?.push(finding);
    else episodes.push([finding]);
  }
  return episodes;
};

const peakOf = (episode: readonly Finding[]): Finding | undefined =>
  episode.reduce<Finding | undefined>(
    (peak, finding) => (peak === undefined || finding.excess > peak.excess ? finding : peak),
    undefined,
  );

const judgeSubject = (
  series: WindowSeries,
  subject: WindowSeries['subjects'][number],
  firstActive: number,
  rule: AnomalyRule,
  pricer: Pricer,
): readonly Anomaly[] => {
  const costs: Finding[] = [];
  const errors: Finding[] = [];
  const ownStart = subject.windows.findIndex((window) => window.calls > 0);
  let base: Baseline = { windows: 0, calls: 0, failed: 0, cost: 0n };
  subject.windows.forEach((window, index) => {
    // Before anybody called at all there is nothing to compare with.
    if (index >= series.baselineWindows && index > firstActive) {
      const cost = judgeCost(window, base, index, rule, pricer);
      if (cost !== undefined) costs.push(cost);
      const error = judgeErrors(window, base, index, rule);
      if (error !== undefined) errors.push(error);
    }
    const leaving = index - series.baselineWindows;
    const left = leaving >= ownStart ? subject.windows[leaving] : undefined;
    base = {
      windows: base.windows + (index >= ownStart ? 1 : 0) - (left === undefined ? 0 : 1),
      calls: base.calls + window.calls - (left?.calls ?? 0),
      failed: base.failed + window.failed - (left?.failed ?? 0),
      cost: base.cost + window.cost - (left?.cost ?? 0n),
    };
  });
  const at = (index: number): string =>
    new Date(series.startAt.getTime() + index * series.windowMs).toISOString();
  const toAnomaly = (episode: readonly Finding[]): readonly Anomaly[] => {
    const [first] = episode;
    const peak = peakOf(episode);
    const last = episode.at(-1);
    if (first === undefined || peak === undefined || last === undefined) return [];
    const windows = subject.windows.slice(first.index, last.index + 1);
    return [
      {
        kind: first.kind,
        dimension: subject.dimension,
        key: subject.key,
        from: at(first.index),
        to: at(last.index + 1),
        calls: windows.reduce((sum, window) => sum + window.calls, 0),
        cost_units: pricer.toUnits(windows.reduce((sum, window) => sum + window.cost, 0n)),
        failed: windows.reduce((sum, window) => sum + window.failed, 0),
        peak: {
          from: at(peak.index),
          value: peak.value,
          baseline: peak.baseline,
          ratio: peak.ratio,
        },
      },
    ];
  };
  return [...toEpisodes(costs), ...toEpisodes(errors)].flatMap(toAnomaly);
};

const compare = (a: Anomaly, b: Anomaly): number => {
  if (a.cost_units !== b.cost_units) return b.cost_units - a.cost_units;
  const key = (anomaly: Anomaly): string =>
    [anomaly.kind, anomaly.dimension, anomaly.key, anomaly.from].join('\0');
  return key(a) < key(b) ? -1 : 1;
};

/** Everything in the judged windows that stands out, dearest first. */
export const findAnomalies = (
  series: WindowSeries,
  rule: AnomalyRule,
  pricer: Pricer,
): readonly Anomaly[] => {
  const firstActive = series.allCalls.findIndex((calls) => calls > 0);
  if (firstActive < 0) return [];
  return series.subjects
    .flatMap((subject) => judgeSubject(series, subject, firstActive, rule, pricer))
    .sort(compare);
};
