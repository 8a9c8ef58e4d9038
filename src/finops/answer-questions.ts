import type { AuditDataQuality, AuditReader, AuditView } from '#audit/audit-store';
import { type Anomaly, findAnomalies } from './anomalies.ts';
import { buildCostReport, type CostReport, type CostReportQuery } from './cost-report.ts';
import type { AnomalyRule, CostWeights } from './cost-weights.ts';
import { createPricer } from './price.ts';
import { mainViewStart, mergeQualities, readEarlierWeeks, readHistory } from './read-history.ts';
import { withSharedScans } from './shared-scans.ts';
import { planWindows } from './window-history.ts';

/** Where figures come from and by which prices. */
export interface CostSource {
  readonly reader: AuditReader;
  readonly weights: CostWeights;
  readonly signal: AbortSignal;
}

interface Range {
  readonly from: Date;
  readonly to: Date;
}

const withView = async <T>(
  { reader, signal }: CostSource,
  range: Range,
  work: (view: AuditView) => Promise<T>,
): Promise<T> => {
  const view = await reader.open({ from: range.from, to: range.to, signal });
  try {
    return await work(view);
  } finally {
    await view.close();
  }
};

/** Totals and breakdowns of any range. */
export const answerReport = (
  source: CostSource,
  query: CostReportQuery,
): Promise<{ readonly report: CostReport; readonly quality: AuditDataQuality }> =>
  withView(source, query, async (view) => {
    const shared = withSharedScans(view);
    const { report } = await buildCostReport(shared, createPricer(source.weights), query);
    return { report, quality: view.quality };
  });

/** What stands out in a range, by a rule that need not be the policy's. */
export const answerAnomalies = async (
  source: CostSource,
  range: Range,
  rule: AnomalyRule,
): Promise<{ readonly anomalies: readonly Anomaly[]; readonly quality: AuditDataQuality }> => {
  const { reader, weights, signal } = source;
  const pricer = createPricer(weights);
  const plan = planWindows(range, rule);
  const from = mainViewStart(plan, plan.recent.from);
  const earlier = await readEarlierWeeks(reader, pricer, plan, { mainFrom: from, signal });
  return withView(source, { from, to: range.to }, async (view) => {
    const history = await readHistory(withSharedScans(view), pricer, plan, earlier);
    return {
      anomalies: findAnomalies(history, rule, pricer),
      quality: mergeQualities(view.quality, earlier.qualities),
    };
  });
};
