import type { EChartsCoreOption } from 'echarts/core';

export interface ChartSize {
  readonly width: number;
  readonly height: number;
}

/**
 * ECharts counts its ids on over all charts of the process. Renumbered in
 * order of appearance the same chart gives the same bytes.
 */
const withStableIds = (svg: string): string => {
  const numbers = new Map<string, string>();
  return svg.replace(/\bzr\d+-[a-z]+-?\d*\b|\bzr\d+\b/g, (id) => {
    const known = numbers.get(id) ?? `c${numbers.size}`;
    numbers.set(id, known);
    return known;
  });
};

/**
 * Without the rules for hovering, and so without a style sheet: a page with a
 * strict content policy shows the picture all the same.
 */
const withoutStyles = (svg: string): string =>
  svg.replace(/<style[\s>][\s\S]*?<\/style>\n?/g, '').replace(/ class="[^"<>]*"/g, '');

/** Says to screen readers what the picture shows, and to browsers how to scale it. */
const withTitle = (svg: string, title: string): string =>
  svg.replace(/^<svg ([^>]*)>/, (_all, attributes: string) => {
    const text = title.replace(/[&<>]/g, (c) =>
      c === '&' ? '&amp;' : c === '<' ? '&lt;' : '&gt;',
    );
    return `<svg role="img" ${attributes}>\n<title>${text}</title>`;
  });

/** Draws without a browser. Loaded on first use: the library is large and most processes never draw. */
export const renderSvg = async (
  option: EChartsCoreOption,
  size: ChartSize,
  title: string,
): Promise<string> => {
  const [core, charts, components, renderers] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  core.use([
    charts.BarChart,
    charts.LineChart,
    components.GridComponent,
    components.TitleComponent,
    components.LegendComponent,
    renderers.SVGRenderer,
  ]);
  const chart = core.init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    chart.setOption({ ...option, animation: false, backgroundColor: 'transparent' });
    return withTitle(withStableIds(withoutStyles(chart.renderToSVGString())), title);
  } finally {
    chart.dispose();
  }
};
