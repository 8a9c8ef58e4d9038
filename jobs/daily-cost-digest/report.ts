import type { JsonValue } from '#core/json';
import type { Comparison, CostDigest } from '#finops/cost-digest';
import type { Report } from '#job-kit/report';
import {
  escapeMarkdown,
  formatChange,
  formatInstant,
  formatNumber,
  formatShare,
} from '#reports/markdown';
import { renderAssets } from './digest-charts.ts';
import { anomaliesSection, breakdownTable, budgetsTable, totalsTable } from './tables.ts';
import { isPartlyPriced, plural, previousName, units, weekdayName } from './wording.ts';

export interface DigestReportInputs {
  readonly digest: CostDigest;
  readonly scheduledFor: Date;
  readonly assetPrefix: string;
}

const compared = (name: string, comparison: Comparison): string =>
  comparison.cost_change === null
    ? `no data for the ${name}`
    : `${formatChange(comparison.cost_change)} against the ${name}`;

/** Where some prices are known, how many calls go by the default one; where none is, the notes say so. */
const coverage = (digest: CostDigest): string =>
  isPartlyPriced(digest)
    ? ` (${formatShare(digest.totals.unpriced_calls / digest.totals.calls)} of the calls at the default price)`
    : '';

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
    `- **${plural(totals.calls, 'call')}** cost **${units(totals.cost_units)} units**${money}${coverage(digest)}; ${formatNumber(totals.failed)} failed (${formatShare(totals.error_rate, 2)}), ${formatNumber(totals.denied)} denied.`,
    `- Cost compared: ${changes.join('; ')}.`,
    `- ${anomalies.length === 0 ? 'No anomalies' : `**${plural(anomalies.length, 'anomaly', 'anomalies')}**`}; ${
      digest.budgets.length === 0
        ? 'no budgets are set'
        : alarms === 0
          ? `${plural(digest.budgets.length, 'budget')} within limits`
          : `**${alarms} of ${plural(digest.budgets.length, 'budget')} ${alarms === 1 ? 'needs' : 'need'} attention**`
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
