import type { AuditView } from '#audit/audit-store';
import { type CostFigure, readSeries } from './cost-figures.ts';
import type { AnomalyRule } from './cost-weights.ts';
import type { Pricer } from './price.ts';

export type AnomalyDimension = 'tool' | 'agent_id' | 'workspace_id';

const ANOMALY_DIMENSIONS: readonly AnomalyDimension[] = ['tool', 'agent_id', 'workspace_id'];

interface Range {
  readonly from: Date;
  readonly to: Date;
}

/** Which windows judging a range needs. They are counted back from its end. */
export interface WindowPlan {
  readonly windowMs: number;
  readonly judged: number;
  /** The judged windows and those before them without a gap. */
  readonly recent: Range;
  /** The judged windows one week earlier, two weeks earlier …; none when windows do not divide a week. */
  readonly weeks: readonly Range[];
}

/** Windows in a row: calls of everybody, figures of each subject. */
export interface WindowStretch {
  readonly allCalls: readonly number[];
  readonly subjects: ReadonlyMap<string, readonly CostFigure[]>;
}

/** All that judging needs: of `weeks` one stretch a week, as long as the judged windows. */
export interface WindowHistory {
  readonly plan: WindowPlan;
  readonly recent: WindowStretch;
  readonly weeks: readonly WindowStretch[];
}

export interface Subject {
  readonly dimension: AnomalyDimension;
  readonly key: string;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const WEEK_DAYS = 7;
const WEEK_MS = WEEK_DAYS * DAY_MINUTES * MINUTE_MS;

/** Windows in a day, or undefined where they do not come back at the same time of day. */
export const windowsPerDay = (rule: AnomalyRule): number | undefined =>
  DAY_MINUTES % rule.windowMinutes === 0 ? DAY_MINUTES / rule.windowMinutes : undefined;

export const planWindows = (range: Range, rule: AnomalyRule): WindowPlan => {
  const windowMs = rule.windowMinutes * MINUTE_MS;
  // A part of a window at the beginning would be compared with whole ones, so it is left out.
  const judged = Math.max(1, Math.floor((range.to.getTime() - range.from.getTime()) / windowMs));
  const before = Math.max(
    Math.ceil((rule.baselineHours * 60) / rule.windowMinutes),
    (windowsPerDay(rule) ?? 0) * WEEK_DAYS,
  );
  const back = (windows: number, ms = 0): Date =>
    new Date(range.to.getTime() - windows * windowMs - ms);
  const comesBackWeekly = WEEK_MS % windowMs === 0;
  return {
    windowMs,
    judged,
    recent: { from: back(judged + before), to: range.to },
    weeks: Array.from({ length: comesBackWeekly ? rule.robust.weeks : 0 }, (_, index) => ({
      from: back(judged, (index + 1) * WEEK_MS),
      to: back(0, (index + 1) * WEEK_MS),
    })),
  };
};

export const subjectId = ({ dimension, key }: Subject): string => `${dimension}\0${key}`;

export const subjectOf = (id: string): Subject => {
  const [dimension = '', ...key] = id.split('\0');
  return { dimension: dimension as AnomalyDimension, key: key.join('\0') };
};

/** Each call has exactly one tool, so the tools' calls are everybody's. */
const callsOfAll = (
  tools: ReadonlyMap<string, readonly CostFigure[]>,
  length: number,
): readonly number[] => {
  const calls = Array.from({ length }, () => 0);
  for (const windows of tools.values())
    for (const [index, window] of windows.entries())
      calls[index] = (calls[index] ?? 0) + window.calls;
  return calls;
};

export const readStretch = async (
  view: AuditView,
  pricer: Pricer,
  range: Range,
  windowMs: number,
): Promise<WindowStretch> => {
  const series = await Promise.all(
    ANOMALY_DIMENSIONS.map((dimension) =>
      readSeries(view, pricer, { ...range, bucketMs: windowMs, dimension }),
    ),
  );
  const subjects = new Map<string, readonly CostFigure[]>();
  for (const [index, dimension] of ANOMALY_DIMENSIONS.entries())
    for (const [key, windows] of series[index] ?? [])
      subjects.set(subjectId({ dimension, key }), windows);
  const length = Math.round((range.to.getTime() - range.from.getTime()) / windowMs);
  return { allCalls: callsOfAll(series[0] ?? new Map(), length), subjects };
};
