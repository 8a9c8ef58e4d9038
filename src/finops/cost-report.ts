import type { AuditDimension, AuditView, CallStatus } from '#audit/audit-store';
import {
  type CostFigure,
  type FigureQuery,
  readByKey,
  readTotal,
  readTotalSeries,
  sumFigures,
  toFigure,
} from './cost-figures.ts';
import { ratioOf } from './decimal.ts';
import type { Pricer } from './price.ts';
import type { TotalSpend } from './total-spend.ts';

export type BreakdownDimension = AuditDimension;

export interface CostTotals {
  readonly calls: number;
  readonly cost_units: number;
  readonly failed: number;
  readonly denied: number;
  /** `failed / calls`, 0 to 1, to 6 digits; 0 without calls. */
  readonly error_rate: number;
  /** Calls whose tool has no price of its own; they cost the default price. */
  readonly unpriced_calls: number;
  readonly money?: { readonly currency: string; readonly amount: number };
}

/** One line of a breakdown; its key stands under the dimension's own name. */
export interface BreakdownRow {
  readonly [dimension: string]: string | number | null;
  readonly count: number;
  readonly cost_units: number;
  readonly avg_duration_ms: number;
  /** Null for the row of all others, whose percentile is not known. */
  readonly p95_duration_ms: number | null;
  readonly failed: number;
  readonly denied: number;
  readonly unpriced_calls: number;
}

export interface HourlyRow {
  /** Start of the hour; hours count from the start of the range. */
  readonly ts: string;
  readonly calls: number;
  readonly cost_units: number;
  readonly failed: number;
  readonly denied: number;
  readonly unpriced_calls: number;
}

export interface CostReport {
  readonly time_range: { readonly from: string; readonly to: string };
  readonly totals: CostTotals;
  readonly breakdowns: Readonly<Partial<Record<BreakdownDimension, readonly BreakdownRow[]>>>;
  readonly hourly?: readonly HourlyRow[];
}

export interface CostReportQuery {
  readonly from: Date;
  readonly to: Date;
  readonly groupBy: readonly BreakdownDimension[];
  /** Most expensive keys that get a row; the rest is one row `(others)` with `others` keys in it. */
  readonly topN: number;
  readonly failedCalls: 'included' | 'left_out';
  readonly hourly: 'included' | 'left_out';
}

export const HOUR_MS = 3_600_000;

/** Key of the row that stands for all keys without one of their own. */
export const OTHERS_KEY = '(others)';

const STATUSES_WITHOUT_FAILED: readonly CallStatus[] = ['pass', 'denied', 'other'];

const toTotals = (figure: CostFigure, pricer: Pricer): CostTotals => ({
  calls: figure.calls,
  cost_units: pricer.toUnits(figure.cost),
  failed: figure.failed,
  denied: figure.denied,
  error_rate: ratioOf(figure.failed, figure.calls, 6),
  unpriced_calls: figure.unpriced,
  ...(pricer.money === undefined
    ? {}
    : { money: { currency: pricer.money.currency, amount: pricer.money.toMoney(figure.cost) } }),
});

const byCostThenKey = (
  [keyA, a]: readonly [string, CostFigure],
  [keyB, b]: readonly [string, CostFigure],
): number => (a.cost === b.cost ? (keyA < keyB ? -1 : 1) : a.cost > b.cost ? -1 : 1);

/** The rows of one breakdown. They add up to the total, whatever `topN` is. */
const toBreakdown = (
  dimension: BreakdownDimension,
  figures: ReadonlyMap<string, CostFigure>,
  p95s: ReadonlyMap<string, number>,
  options: { readonly topN: number; readonly pricer: Pricer },
): readonly BreakdownRow[] => {
  const row = (key: string, figure: CostFigure, p95: number | null): BreakdownRow => ({
    [dimension]: key,
    count: figure.calls,
    cost_units: options.pricer.toUnits(figure.cost),
    avg_duration_ms: ratioOf(figure.durationMs, figure.calls, 3),
    p95_duration_ms: p95,
    failed: figure.failed,
    denied: figure.denied,
    unpriced_calls: figure.unpriced,
  });
  const sorted = [...figures].sort(byCostThenKey);
  const rows = sorted
    .slice(0, options.topN)
    .map(([key, figure]) => row(key, figure, p95s.get(key) ?? null));
  const rest = sorted.slice(options.topN);
  if (rest.length === 0) return rows;
  const others = sumFigures(rest.map(([, figure]) => figure));
  return [...rows, { ...row(OTHERS_KEY, others, null), others: rest.length }];
};

const toHourly = (
  figures: readonly CostFigure[],
  from: Date,
  pricer: Pricer,
): readonly HourlyRow[] =>
  figures.map((figure, index) => ({
    ts: new Date(from.getTime() + index * HOUR_MS).toISOString(),
    calls: figure.calls,
    cost_units: pricer.toUnits(figure.cost),
    failed: figure.failed,
    denied: figure.denied,
    unpriced_calls: figure.unpriced,
  }));

/** Figures of each key of a dimension, with the percentiles that cannot be added up. */
interface DimensionFigures {
  readonly figures: ReadonlyMap<string, CostFigure>;
  readonly p95s: ReadonlyMap<string, number>;
}

const readDimension = async (
  view: AuditView,
  pricer: Pricer,
  query: FigureQuery & { readonly dimension: BreakdownDimension },
): Promise<DimensionFigures> => {
  const { dimension, ...range } = query;
  // Without prices that differ the same rows tell the cost; else the tools have to be told apart.
  const isPricedAlike = dimension === 'tool' || pricer.pricedTools.length === 0;
  const [rows, priced] = await Promise.all([
    view.aggregate({ ...range, groupBy: [dimension], withP95: true }),
    isPricedAlike ? undefined : readByKey(view, pricer, query),
  ]);
  return {
    p95s: new Map(rows.map((row) => [row.key[dimension] ?? '', row.p95DurationMs ?? 0])),
    figures:
      priced ?? new Map(rows.map((row) => [row.key[dimension] ?? '', toFigure(row, pricer)])),
  };
};

export interface CostReportAnswer {
  readonly report: CostReport;
  readonly total: CostFigure;
  /** What the breakdowns were made from, before any row was folded. */
  readonly figures: Readonly<Partial<Record<BreakdownDimension, ReadonlyMap<string, CostFigure>>>>;
}

/** Totals, breakdowns and hours of a range, from a view that covers it. */
export const buildCostReport = async (
  view: AuditView,
  pricer: Pricer,
  query: CostReportQuery,
  /** `spend`: of all calls of a range that holds the query's, when it is read anyway. */
  options: { readonly spend?: TotalSpend } = {},
): Promise<CostReportAnswer> => {
  const filter: FigureQuery = {
    from: query.from,
    to: query.to,
    ...(query.failedCalls === 'included' ? {} : { statuses: STATUSES_WITHOUT_FAILED }),
  };
  const [dimensions, read, hours] = await Promise.all([
    Promise.all(
      query.groupBy.map((dimension) => readDimension(view, pricer, { ...filter, dimension })),
    ),
    query.groupBy.includes('tool') ? undefined : readTotal(view, pricer, filter),
    query.hourly === 'left_out'
      ? undefined
      : (options.spend?.series(query, HOUR_MS) ??
        readTotalSeries(view, pricer, { ...filter, bucketMs: HOUR_MS })),
  ]);
  const breakdowns: Partial<Record<BreakdownDimension, readonly BreakdownRow[]>> = {};
  const figures: Partial<Record<BreakdownDimension, ReadonlyMap<string, CostFigure>>> = {};
  for (const [index, dimension] of query.groupBy.entries()) {
    const found = dimensions[index];
    if (found === undefined) continue;
    figures[dimension] = found.figures;
    breakdowns[dimension] = toBreakdown(dimension, found.figures, found.p95s, {
      topN: query.topN,
      pricer,
    });
  }
  const total = read ?? sumFigures(figures.tool?.values() ?? []);
  const report: CostReport = {
    time_range: { from: query.from.toISOString(), to: query.to.toISOString() },
    totals: toTotals(total, pricer),
    breakdowns,
    ...(hours === undefined ? {} : { hourly: toHourly(hours, query.from, pricer) }),
  };
  return { report, total, figures };
};
