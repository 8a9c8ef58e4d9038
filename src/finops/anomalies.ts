import { type CostFigure, sumFigures } from './cost-figures.ts';
import type { AnomalyRule } from './cost-weights.ts';
import {
  type AnomalyKind,
  type Finding,
  judgeCost,
  judgeErrors,
  type SamplesOf,
} from './judge-window.ts';
import type { Pricer } from './price.ts';
import { SubjectHistory } from './subject-history.ts';
import { type AnomalyDimension, subjectOf, type WindowHistory } from './window-history.ts';

/** Windows of one subject that follow each other and stand out in the same way. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly dimension: AnomalyDimension;
  readonly key: string;
  readonly window: { readonly from: string; readonly to: string };
  /** Start of the window that stands out most, which the figures down to `robust_z` are of. */
  readonly peak_at: string;
  /** Cost units, or a rate from 0 to 1. */
  readonly value: number;
  readonly baseline: number;
  /** Null where the baseline is zero. */
  readonly ratio: number | null;
  readonly method: Finding['method'];
  /** How many windows of the past the baseline is made of, and which. */
  readonly samples: number;
  readonly samples_of: SamplesOf;
  /** Distance from the median in spreads; null by another method. */
  readonly robust_z: number | null;
  /** Over the whole window. */
  readonly calls: number;
  readonly cost_units: number;
  readonly failed: number;
  readonly unpriced_calls: number;
}

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

/** Before anybody called at all there is nothing to compare with. */
const firstJudged = (history: WindowHistory): number => {
  const { recent, weeks, plan } = history;
  const start = recent.allCalls.length - plan.judged;
  if (weeks.some(({ allCalls }) => allCalls.some((calls) => calls > 0))) return start;
  const firstActive = recent.allCalls.findIndex((calls) => calls > 0);
  return firstActive < 0 ? recent.allCalls.length : Math.max(start, firstActive + 1);
};

const describe = (
  history: WindowHistory,
  id: string,
  windows: readonly CostFigure[],
  episode: readonly Finding[],
  pricer: Pricer,
): readonly Anomaly[] => {
  const [first] = episode;
  const peak = peakOf(episode);
  const last = episode.at(-1);
  if (first === undefined || peak === undefined || last === undefined) return [];
  const at = (index: number): string =>
    new Date(history.plan.recent.from.getTime() + index * history.plan.windowMs).toISOString();
  const sum = sumFigures(windows.slice(first.index, last.index + 1));
  return [
    {
      kind: first.kind,
      ...subjectOf(id),
      window: { from: at(first.index), to: at(last.index + 1) },
      peak_at: at(peak.index),
      value: peak.value,
      baseline: peak.baseline,
      ratio: peak.ratio,
      method: peak.method,
      samples: peak.samples,
      samples_of: peak.samplesOf,
      robust_z: peak.robustZ,
      calls: sum.calls,
      cost_units: pricer.toUnits(sum.cost),
      failed: sum.failed,
      unpriced_calls: sum.unpriced,
    },
  ];
};

const compare = (a: Anomaly, b: Anomaly): number => {
  if (a.cost_units !== b.cost_units) return b.cost_units - a.cost_units;
  const key = (anomaly: Anomaly): string =>
    [anomaly.kind, anomaly.dimension, anomaly.key, anomaly.window.from].join('\0');
  return key(a) < key(b) ? -1 : 1;
};

/**
 * Everything in the judged windows that stands out, dearest first. A window is
 * judged by the same window of earlier weeks where there are enough of them
 * (median and MAD), else by how many times its past it is; see `judgeCost`.
 */
export const findAnomalies = (
  history: WindowHistory,
  rule: AnomalyRule,
  pricer: Pricer,
): readonly Anomaly[] => {
  const start = firstJudged(history);
  return [...history.recent.subjects.keys()]
    .flatMap((id) => {
      const subject = new SubjectHistory(history, id, rule);
      const costs: Finding[] = [];
      const errors: Finding[] = [];
      for (let index = start; index < subject.windows.length; index += 1) {
        const cost = judgeCost(subject, index, rule, pricer);
        if (cost !== undefined) costs.push(cost);
        const error = judgeErrors(subject, index, rule);
        if (error !== undefined) errors.push(error);
      }
      return [...toEpisodes(costs), ...toEpisodes(errors)].flatMap((episode) =>
        describe(history, id, subject.windows, episode, pricer),
      );
    })
    .sort(compare);
};
