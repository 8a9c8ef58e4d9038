import type { CostDigest } from '#finops/cost-digest';
import { renderRankChart, renderTimeChart } from '#reports/charts';
import { ROWS_SHOWN } from './tables.ts';
import { windowHours } from './wording.ts';

const hourLabel = (digest: CostDigest, iso: string): string =>
  windowHours(digest) <= 48 ? iso.slice(11, 16) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;

/** The charts of the report by file name. */
export const renderAssets = async (digest: CostDigest): Promise<Record<string, string>> => {
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
