import { renderSvg } from './echarts-svg.ts';
import { printable } from './markdown.ts';

/**
 * Middle tones that stand out from white and from near-black alike: a picture
 * in a Markdown file does not know the colours of the page around it.
 */
const INK = '#6e7781';
const GRID_LINE = '#8b949e40';
const PALETTE = ['#2f81f7', '#e5534b', '#c69026', '#57ab5a', '#986ee2'] as const;
/** Without quotes: ECharts puts the list into an attribute as it stands. */
const FONT = 'system-ui, -apple-system, Roboto, Helvetica, Arial, sans-serif';

const WIDTH = 760;
const TIME_CHART_HEIGHT = 300;
const BAR_HEIGHT = 28;
const LABEL_LENGTH = 28;
const KEEP_LABELS_INSIDE = { outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' } as const;

export interface TimeSeries {
  readonly name: string;
  readonly values: readonly number[];
  readonly kind: 'bar' | 'line';
}

export interface TimeChart {
  readonly title: string;
  /** What the values are, for the axis. */
  readonly unit: string;
  /** One per value. */
  readonly labels: readonly string[];
  readonly series: readonly TimeSeries[];
}

export interface RankChart {
  readonly title: string;
  readonly unit: string;
  /** Largest first. */
  readonly bars: readonly { readonly label: string; readonly value: number }[];
}

const TEXT = { color: INK, fontFamily: FONT, fontSize: 12 } as const;

const titleOf = (text: string) => ({
  text,
  left: 8,
  top: 6,
  textStyle: { color: INK, fontFamily: FONT, fontSize: 14, fontWeight: 'bold' as const },
});

/** `12500` as `12.5k`, so that an axis stays narrow. */
export const shortNumber = (value: number): string => {
  const steps = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  for (const [size, suffix] of steps) {
    if (Math.abs(value) >= size) return `${Number((value / size).toFixed(1))}${suffix}`;
  }
  return String(Number(value.toFixed(2)));
};

/** ECharts cannot measure text without a browser; these are generous widths at 12 pixels. */
const widthOf = (text: string): number =>
  [...text].reduce(
    (sum, character) => sum + ((character.codePointAt(0) ?? 0) < 0x1100 ? 7 : 13),
    0,
  );

const shortLabel = (text: string): string => {
  const characters = [...printable(text)];
  return characters.length <= LABEL_LENGTH
    ? characters.join('')
    : `${characters.slice(0, LABEL_LENGTH - 1).join('')}…`;
};

const valueAxis = (unit: string) => ({
  type: 'value' as const,
  name: unit,
  nameTextStyle: { ...TEXT, align: 'left' as const },
  axisLabel: { ...TEXT, formatter: shortNumber },
  splitLine: { lineStyle: { color: GRID_LINE } },
});

const categoryAxis = (labels: readonly string[]) => ({
  type: 'category' as const,
  data: [...labels],
  axisLabel: { ...TEXT, hideOverlap: true },
  axisLine: { lineStyle: { color: INK } },
  axisTick: { show: false },
});

/** Values over time as SVG; the same input gives the same bytes. */
export const renderTimeChart = (chart: TimeChart): Promise<string> =>
  renderSvg(
    {
      title: titleOf(chart.title),
      color: [...PALETTE],
      textStyle: TEXT,
      grid: { left: 12, right: 16, top: 64, bottom: 12, ...KEEP_LABELS_INSIDE },
      legend: {
        show: chart.series.length > 1,
        top: 6,
        right: 8,
        textStyle: TEXT,
        icon: 'roundRect',
        itemWidth: 14,
        itemHeight: 10,
      },
      xAxis: categoryAxis(chart.labels),
      yAxis: valueAxis(chart.unit),
      series: chart.series.map((series) => ({
        name: series.name,
        type: series.kind,
        // No pointer moves over a picture; without this each chart carries rules for hovering.
        silent: true,
        emphasis: { disabled: true },
        data: [...series.values],
        ...(series.kind === 'bar'
          ? { barMaxWidth: 22 }
          : { showSymbol: false, lineStyle: { width: 2 } }),
      })),
    },
    { width: WIDTH, height: TIME_CHART_HEIGHT },
    chart.title,
  );

/** Values by name as horizontal bars, the largest on top. */
export const renderRankChart = (chart: RankChart): Promise<string> => {
  const labels = chart.bars.map((bar) => shortLabel(bar.label));
  return renderSvg(
    {
      title: titleOf(chart.title),
      color: [...PALETTE],
      textStyle: TEXT,
      grid: { left: 24 + Math.max(0, ...labels.map(widthOf)), right: 72, top: 40, bottom: 48 },
      xAxis: {
        ...valueAxis(chart.unit),
        nameLocation: 'middle' as const,
        nameGap: 24,
        nameTextStyle: TEXT,
      },
      yAxis: {
        ...categoryAxis(labels),
        inverse: true,
        axisLabel: { ...TEXT, hideOverlap: false, interval: 0 },
      },
      series: [
        {
          type: 'bar' as const,
          silent: true,
          emphasis: { disabled: true },
          data: chart.bars.map((bar) => bar.value),
          barMaxWidth: 18,
          label: {
            show: true,
            position: 'right' as const,
            ...TEXT,
            formatter: ({ value }: { value: unknown }) => shortNumber(Number(value)),
          },
        },
      ],
    },
    { width: WIDTH, height: 88 + BAR_HEIGHT * Math.max(1, chart.bars.length) },
    chart.title,
  );
};
