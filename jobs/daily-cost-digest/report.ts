import type { JsonValue } from '#core/json';
import type { Anomaly } from '#finops/anomalies';
import type { BudgetBurn } from '#finops/budgets';
import type { Comparison, CostDigest } from '#finops/cost-digest';
import { type BreakdownRow, HOUR_MS, OTHERS_KEY } from '#finops/cost-report';
import type { CostWeights } from '#finops/cost-weights';
import type { Report } from '#job-kit/job';
import { renderRankChart, renderTimeChart } from '#reports/charts';
import {
  type Column,
  escapeMarkdown,
  formatChange,
  formatInstant,
  formatNumber,
  formatShare,
  markdownTable,
} from '#reports/markdown';

export interface DigestReportInputs {
  readonly digest: CostDigest;
  readonly weights: CostWeights;
  readonly scheduledFor: Date;
  readonly assetPrefix: string;
}

type Dimension = 'tool' | 'agent_id' | 'user_id' | 'workspace_id';

const ROWS_SHOWN = 10;
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

const units = (value: number): string => formatNumber(value, 2);

const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;

const windowHours = (digest: CostDigest): number =>
  (Date.parse(digest.time_range.to) - Date.parse(digest.time_range.from)) / HOUR_MS;

const previousName = (digest: CostDigest): string =>
  windowHours(digest) === 24 ? 'previous day' : `previous ${windowHours(digest)} h`;

const weekdayName = (digest: CostDigest): string =>
  windowHours(digest) === 24 ? 'same day last week' : 'same hours weeks before';

const compared = (name: string, comparison: Comparison): string =>
  comparison.cost_change === null
    ? `no data for the ${name}`
    : `${formatChange(comparison.cost_change)} against the ${name}`;

const summary = (digest: CostDigest): string => {
  const { totals, comparisons, anomalies } = digest;
  if (totals.calls === 0) return '**No tool calls in this period.**';
  const money =
    totals.money === undefined
      ? ''
      : `, ${formatNumber(totals.money.amount, 2)} ${totals.money.currency}`;
  const changes = [
    compared(previousName(digest), comparisons.previous),
    ...(comparisons.same_weekday === null
      ? []
      : [compared(weekdayName(digest), comparisons.same_weekday)]),
  ];
  const alarms = digest.budgets.filter((burn) => burn.state !== 'ok').length;
  return [
    `- **${plural(totals.calls, 'call')}** cost **${units(totals.cost_units)} units**${money}; ${formatNumber(totals.failed)} failed (${formatShare(totals.error_rate, 2)}), ${formatNumber(totals.denied)} denied.`,
    `- Cost compared: ${changes.join('; ')}.`,
    `- ${anomalies.length === 0 ? 'No anomalies' : `**${plural(anomalies.length, 'anomaly', 'anomalies')}**`}; ${
      digest.budgets.length === 0
        ? 'no budgets are set'
        : alarms === 0
          ? `${plural(digest.budgets.length, 'budget')} within limits`
          : `**${alarms} of ${plural(digest.budgets.length, 'budget')} need attention**`
    }.`,
  ].join('\n');
};

const partialNotice = (digest: CostDigest): readonly string[] =>
  digest.partial
    ? [
        [
          '> **Incomplete.** Data of this report is known to be missing; it is made again once the data is whole.',
          ...digest.input_problems.problems.map((problem) => `> - ${escapeMarkdown(problem)}`),
        ].join('\n'),
      ]
    : [];

const totalsTable = (digest: CostDigest): string => {
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
  const sum = (field: 'count' | 'cost_units' | 'failed' | 'denied'): number =>
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
    },
  ];
};

const breakdownTable = (digest: CostDigest, dimension: Dimension): string => {
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
    ]),
  );
};

const anomaliesSection = (digest: CostDigest): string => {
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
        right('Calls'),
      ],
      shown.map((anomaly) => [
        ANOMALY_NAMES[anomaly.kind],
        `${DIMENSION_NAMES[anomaly.dimension].toLowerCase()} ${escapeMarkdown(anomaly.key)}`,
        formatInstant(anomaly.from),
        formatInstant(anomaly.to),
        value(anomaly, anomaly.peak.value),
        anomaly.kind === 'new_spender' ? 'none' : value(anomaly, anomaly.peak.baseline),
        anomaly.peak.ratio === null ? '' : `${formatNumber(anomaly.peak.ratio, 1)}×`,
        formatNumber(anomaly.calls),
      ]),
    ),
    ...(rest > 0 ? [`${formatNumber(rest)} more in the JSON report.`] : []),
  ].join('\n\n');
};

const budgetsTable = (digest: CostDigest): string =>
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

const forecastText = ({ forecast }: CostDigest): string => {
  const soFar = `${units(forecast.month_to_date_units)} units so far in ${forecast.month}`;
  if (forecast.forecast_units === null || forecast.daily_mean_units === null) {
    return `${soFar}. No forecast: no calls in the last 7 days.`;
  }
  const days =
    forecast.mean_of_days === 1
      ? 'the last 24 h alone, so a rough guess'
      : `mean of the last ${forecast.mean_of_days} windows of 24 h`;
  return `**${units(forecast.forecast_units)} units** expected for ${forecast.month}: ${soFar}, plus ${units(forecast.daily_mean_units)} a day (${days}) for the ${formatNumber(forecast.remaining_hours / 24, 1)} days that remain.`;
};

const recommendationsList = (digest: CostDigest): string =>
  digest.recommendations.length === 0
    ? 'Nothing to do.'
    : digest.recommendations
        .map(
          ({ rule, subject, text }) =>
            `- ${escapeMarkdown(subject)} ${escapeMarkdownText(text)} (${rule})`,
        )
        .join('\n');

/** Sentences of ours that quote names of others; longer than a name may be. */
const escapeMarkdownText = (text: string): string =>
  text
    .split(' ')
    .map((word) => escapeMarkdown(word))
    .join(' ');

const notes = (digest: CostDigest): string => {
  const { totals, input_problems } = digest;
  const share = totals.calls === 0 ? 0 : totals.unpriced_calls / totals.calls;
  const lines = [
    totals.unpriced_calls === 0
      ? 'Coverage: every call is of a tool with a price of its own.'
      : `Coverage: ${formatNumber(totals.unpriced_calls)} of ${plural(totals.calls, 'call')} (${formatShare(share)}) are of tools without a price of their own and are counted at the default price.`,
    'A cost unit is what config/cost_weights.yml says: a price per call plus a price per millisecond. Failed calls are paid for and counted.',
  ];
  if (input_problems.rejected_lines > 0) {
    lines.push(
      `${plural(input_problems.rejected_lines, 'line')} of the audit files read for this report could not be counted: ${input_problems.first
        .slice(0, 3)
        .map(
          ({ file, line, reason }) => `${escapeMarkdown(file)}:${line} ${escapeMarkdown(reason)}`,
        )
        .join('; ')}${input_problems.rejected_lines > 3 ? '; more in the JSON report' : ''}.`,
    );
  }
  return lines.map((line) => `- ${line}`).join('\n');
};

const hourLabel = (digest: CostDigest, iso: string): string =>
  windowHours(digest) <= 48 ? iso.slice(11, 16) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;

const renderAssets = async (digest: CostDigest): Promise<Record<string, string>> => {
  const hourly = digest.hourly ?? [];
  const labels = hourly.map((row) => hourLabel(digest, row.ts));
  const top = (digest.breakdowns.tool ?? []).slice(0, ROWS_SHOWN);
  return {
    'hourly-cost.svg': await renderTimeChart({
      title: 'Cost per hour (UTC)',
      unit: 'cost units',
      labels,
      series: [{ name: 'cost units', kind: 'bar', values: hourly.map((row) => row.cost_units) }],
    }),
    'hourly-calls.svg': await renderTimeChart({
      title: 'Calls per hour (UTC)',
      unit: 'calls',
      labels,
      series: [
        { name: 'calls', kind: 'line', values: hourly.map((row) => row.calls) },
        { name: 'failed', kind: 'bar', values: hourly.map((row) => row.failed) },
      ],
    }),
    'top-tools.svg': await renderRankChart({
      title: 'Tools by cost',
      unit: 'cost units',
      bars: top.map((row) => ({ label: String(row['tool']), value: row.cost_units })),
    }),
  };
};

const details = (digest: CostDigest, assetPrefix: string): readonly string[] => [
  '## By hour',
  `![Cost per hour](${assetPrefix}hourly-cost.svg)`,
  `![Calls per hour](${assetPrefix}hourly-calls.svg)`,
  '## Tools',
  `![Tools by cost](${assetPrefix}top-tools.svg)`,
  breakdownTable(digest, 'tool'),
  '## Agents',
  breakdownTable(digest, 'agent_id'),
  '## Users',
  breakdownTable(digest, 'user_id'),
  '## Workspaces',
  breakdownTable(digest, 'workspace_id'),
  '## Anomalies',
  anomaliesSection(digest),
];

/** What somebody who answers for the bill reads at nine; figures first, then where they come from. */
export const toReport = async (inputs: DigestReportInputs): Promise<Report> => {
  const { digest, scheduledFor, assetPrefix } = inputs;
  const hasCalls = digest.totals.calls > 0;
  const { time_range, totals, partial, input_problems, ...rest } = digest;
  const json = {
    report: 'daily_cost_digest',
    scheduled_for: scheduledFor.toISOString(),
    time_range,
    totals,
    partial,
    input_problems,
    ...rest,
  };
  const sections = [
    `# Cost digest for ${scheduledFor.toISOString().slice(0, 10)}`,
    `Tool calls from ${formatInstant(time_range.from)} to ${formatInstant(time_range.to)} UTC.`,
    ...partialNotice(digest),
    summary(digest),
    totalsTable(digest),
    ...(hasCalls ? details(digest, assetPrefix) : []),
    '## Budgets and forecast',
    ...(digest.budgets.length === 0 ? [] : [budgetsTable(digest)]),
    forecastText(digest),
    '## What to do',
    recommendationsList(digest),
    '## Notes',
    notes(digest),
  ];
  return {
    json: json as unknown as JsonValue,
    markdown: `${sections.join('\n\n')}\n`,
    ...(hasCalls ? { assets: await renderAssets(digest) } : {}),
  };
};
