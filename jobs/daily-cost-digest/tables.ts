import type { Anomaly } from '#finops/anomalies';
import type { BudgetBurn } from '#finops/budgets';
import type { Comparison, CostDigest } from '#finops/cost-digest';
import { type BreakdownRow, OTHERS_KEY } from '#finops/cost-report';
import {
  type Column,
  escapeMarkdown,
  formatChange,
  formatInstant,
  formatNumber,
  formatShare,
  markdownTable,
} from '#reports/markdown';
import { isPartlyPriced, previousName, units, weekdayName } from './wording.ts';

type Dimension = 'tool' | 'agent_id' | 'user_id' | 'workspace_id';

/** Rows of a table or bars of a chart; the JSON has them all. */
export const ROWS_SHOWN = 10;
const ANOMALIES_SHOWN = 10;
const DIMENSION_NAMES: Readonly<Record<Dimension, string>> = {
  tool: 'Tool',
  agent_id: 'Agent',
  user_id: 'User',
  workspace_id: 'Workspace',
};
const ANOMALY_NAMES: Readonly<Record<Anomaly['kind'], string>> = {
  cost_spike: 'cost spike',
  error_rate_spike: 'error rate',
  new_spender: 'new spender',
};
const BUDGET_NAMES: Readonly<Record<BudgetBurn['state'], string>> = {
  ok: 'ok',
  warning: '**close to the limit**',
  on_pace_to_exceed: '**on pace to exceed**',
  exceeded: '**exceeded**',
};
const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

export const totalsTable = (digest: CostDigest): string => {
  const { previous, same_weekday } = digest.comparisons;
  const comparison = (name: string, then: Comparison): readonly string[] => [
    name,
    then.calls === 0 ? 'no data' : formatNumber(then.calls),
    formatChange(then.calls_change),
    then.calls === 0 ? 'no data' : units(then.cost_units),
    formatChange(then.cost_change),
  ];
  return markdownTable(
    [left('Period'), right('Calls'), right('Change'), right('Cost units'), right('Change')],
    [
      ['this period', formatNumber(digest.totals.calls), '', units(digest.totals.cost_units), ''],
      comparison(previousName(digest), previous),
      ...(same_weekday === null ? [] : [comparison(weekdayName(digest), same_weekday)]),
    ],
  );
};

/** At most ten rows, and one that sums up what is left, so that each table adds up to the total. */
const foldRows = (rows: readonly BreakdownRow[]): readonly BreakdownRow[] => {
  if (rows.length <= ROWS_SHOWN + 1) return rows;
  const rest = rows.slice(ROWS_SHOWN);
  const sum = (field: 'count' | 'cost_units' | 'failed' | 'denied' | 'unpriced_calls'): number =>
    rest.reduce((total, row) => total + row[field], 0);
  return [
    ...rows.slice(0, ROWS_SHOWN),
    {
      others: rest.reduce(
        (total, row) => total + (typeof row['others'] === 'number' ? row['others'] : 1),
        0,
      ),
      count: sum('count'),
      cost_units: sum('cost_units'),
      avg_duration_ms:
        rest.reduce((total, row) => total + row.avg_duration_ms * row.count, 0) /
        Math.max(1, sum('count')),
      p95_duration_ms: null,
      failed: sum('failed'),
      denied: sum('denied'),
      unpriced_calls: sum('unpriced_calls'),
    },
  ];
};

export const breakdownTable = (digest: CostDigest, dimension: Dimension): string => {
  const rows = foldRows(digest.breakdowns[dimension] ?? []);
  const total = digest.totals.cost_units;
  return markdownTable(
    [
      left(DIMENSION_NAMES[dimension]),
      right('Calls'),
      right('Cost units'),
      right('Share'),
      right('Mean ms'),
      right('p95 ms'),
      right('Failed'),
      right('Denied'),
      ...(isPartlyPriced(digest) ? [right('At default price')] : []),
    ],
    rows.map((row) => [
      typeof row['others'] === 'number'
        ? `*${formatNumber(row['others'])} others*`
        : escapeMarkdown(String(row[dimension] ?? OTHERS_KEY)),
      formatNumber(row.count),
      units(row.cost_units),
      formatShare(total === 0 ? 0 : row.cost_units / total),
      formatNumber(row.avg_duration_ms),
      row.p95_duration_ms === null ? '' : formatNumber(row.p95_duration_ms),
      formatNumber(row.failed),
      formatNumber(row.denied),
      ...(isPartlyPriced(digest) ? [formatShare(row.unpriced_calls / row.count)] : []),
    ]),
  );
};

const SAMPLE_NAMES: Readonly<Record<Anomaly['samples_of'], string>> = {
  same_time_of_week: 'same time of earlier weeks',
  active_windows: 'earlier windows with calls',
  preceding_windows: 'windows before',
  same_time_of_day: 'same time of a day before',
  none: 'not seen before',
};

const comparedWith = ({ samples, samples_of }: Anomaly): string =>
  samples > 1 ? `${formatNumber(samples)} × ${SAMPLE_NAMES[samples_of]}` : SAMPLE_NAMES[samples_of];

export const anomaliesSection = (digest: CostDigest): string => {
  if (digest.anomalies.length === 0) return 'Nothing stands out from its baseline.';
  const value = (anomaly: Anomaly, figure: number): string =>
    anomaly.kind === 'error_rate_spike' ? formatShare(figure) : units(figure);
  const shown = digest.anomalies.slice(0, ANOMALIES_SHOWN);
  const rest = digest.anomalies.length - shown.length;
  return [
    markdownTable(
      [
        left('What'),
        left('Who'),
        left('From'),
        left('To'),
        right('Worst window'),
        right('Baseline'),
        right('Ratio'),
        left('Compared with'),
        right('Calls'),
      ],
      shown.map((anomaly) => [
        ANOMALY_NAMES[anomaly.kind],
        `${DIMENSION_NAMES[anomaly.dimension].toLowerCase()} ${escapeMarkdown(anomaly.key)}`,
        formatInstant(anomaly.window.from),
        formatInstant(anomaly.window.to),
        value(anomaly, anomaly.value),
        anomaly.kind === 'new_spender' ? 'none' : value(anomaly, anomaly.baseline),
        anomaly.ratio === null ? '' : `${formatNumber(anomaly.ratio, 1)}×`,
        comparedWith(anomaly),
        formatNumber(anomaly.calls),
      ]),
    ),
    ...(rest > 0 ? [`${formatNumber(rest)} more in the JSON report.`] : []),
  ].join('\n\n');
};

export const budgetsTable = (digest: CostDigest): string =>
  markdownTable(
    [
      left('Budget'),
      left('Scope'),
      left('Period'),
      right('Limit'),
      right('Spent'),
      right('Used'),
      right('Projected'),
      left('State'),
    ],
    digest.budgets.map((burn) => [
      escapeMarkdown(burn.name),
      burn.scope === null ? 'all' : `${burn.scope.dimension} ${escapeMarkdown(burn.scope.key)}`,
      burn.period,
      units(burn.limit_units),
      units(burn.spent_units),
      formatShare(burn.used),
      burn.projected_units === null ? '' : units(burn.projected_units),
      BUDGET_NAMES[burn.state],
    ]),
  );
