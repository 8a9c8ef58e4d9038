import type { AuditView } from '#audit/audit-store';
import type { AnomalyDimension, WindowSeries } from './anomalies.ts';
import { readSeries, readTotalSeries } from './cost-figures.ts';
import { HOUR_MS } from './cost-report.ts';
import type { AnomalyRule } from './cost-weights.ts';
import type { Pricer } from './price.ts';

const MINUTE_MS = 60_000;

const DIMENSIONS: readonly AnomalyDimension[] = ['tool', 'agent_id', 'workspace_id'];

/** Start of everything that judging the range needs: whole windows, counted back from its end. */
export const windowsStartAt = (range: { from: Date; to: Date }, rule: AnomalyRule): Date => {
  const { baselineWindows, judgedWindows, windowMs } = countWindows(range, rule);
  return new Date(range.to.getTime() - (baselineWindows + judgedWindows) * windowMs);
};

const countWindows = (
  range: { from: Date; to: Date },
  rule: AnomalyRule,
): { baselineWindows: number; judgedWindows: number; windowMs: number } => {
  const windowMs = rule.windowMinutes * MINUTE_MS;
  return {
    windowMs,
    baselineWindows: Math.max(1, Math.ceil((rule.baselineHours * HOUR_MS) / windowMs)),
    // A part of a window at the beginning would be compared with whole ones, so it is left out.
    judgedWindows: Math.max(1, Math.floor((range.to.getTime() - range.from.getTime()) / windowMs)),
  };
};

export const readWindows = async (
  view: AuditView,
  pricer: Pricer,
  range: { readonly from: Date; readonly to: Date },
  rule: AnomalyRule,
): Promise<WindowSeries> => {
  const { baselineWindows, windowMs } = countWindows(range, rule);
  const query = { from: windowsStartAt(range, rule), to: range.to, bucketMs: windowMs };
  const all = await readTotalSeries(view, pricer, query);
  const subjects: WindowSeries['subjects'][number][] = [];
  for (const dimension of DIMENSIONS) {
    const series = await readSeries(view, pricer, { ...query, dimension });
    for (const [key, windows] of series) subjects.push({ dimension, key, windows });
  }
  return {
    startAt: query.from,
    windowMs,
    baselineWindows,
    allCalls: all.map((figure) => figure.calls),
    subjects,
  };
};
