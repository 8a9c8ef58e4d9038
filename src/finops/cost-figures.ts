import type { AuditAggregateRow, AuditDimension, AuditView, CallStatus } from '#audit/audit-store';
import type { CostAmount, Pricer } from './price.ts';

/** What a group of calls comes to. Figures of groups add up exactly. */
export interface CostFigure {
  readonly calls: number;
  readonly durationMs: number;
  readonly failed: number;
  readonly denied: number;
  /** Calls of tools without a price of their own. */
  readonly unpriced: number;
  readonly cost: CostAmount;
}

export const NO_CALLS: CostFigure = {
  calls: 0,
  durationMs: 0,
  failed: 0,
  denied: 0,
  unpriced: 0,
  cost: 0n,
};

const addFigures = (a: CostFigure, b: CostFigure): CostFigure => ({
  calls: a.calls + b.calls,
  durationMs: a.durationMs + b.durationMs,
  failed: a.failed + b.failed,
  denied: a.denied + b.denied,
  unpriced: a.unpriced + b.unpriced,
  cost: a.cost + b.cost,
});

export const sumFigures = (figures: Iterable<CostFigure>): CostFigure => {
  let sum = NO_CALLS;
  for (const figure of figures) sum = addFigures(sum, figure);
  return sum;
};

export const toFigure = (row: AuditAggregateRow, pricer: Pricer): CostFigure => ({
  calls: row.calls,
  durationMs: row.durationMsSum,
  failed: row.failed,
  denied: row.denied,
  unpriced: pricer.isPriced(row.key.tool) ? 0 : row.calls,
  cost: pricer.costOf(row.key.tool, { calls: row.calls, durationMs: row.durationMsSum }),
});

export interface FigureQuery {
  readonly from: Date;
  readonly to: Date;
  readonly statuses?: readonly CallStatus[];
}

const filterOf = (query: FigureQuery): Pick<FigureQuery, 'from' | 'to' | 'statuses'> => ({
  from: query.from,
  to: query.to,
  ...(query.statuses === undefined ? {} : { statuses: query.statuses }),
});

/** Group keys that keep the tools apart whose prices differ. */
const groupingOf = (
  dimension: AuditDimension | undefined,
  pricer: Pricer,
): { groupBy: readonly AuditDimension[]; toolsApart?: readonly string[] } => {
  if (dimension === 'tool') return { groupBy: ['tool'] };
  return {
    groupBy: dimension === undefined ? ['tool'] : [dimension, 'tool'],
    toolsApart: pricer.pricedTools,
  };
};

/** Figures of all calls of the range. */
export const readTotal = async (
  view: AuditView,
  pricer: Pricer,
  query: FigureQuery,
): Promise<CostFigure> => {
  const rows = await view.aggregate({ ...filterOf(query), ...groupingOf(undefined, pricer) });
  return sumFigures(rows.map((row) => toFigure(row, pricer)));
};

/** Figures by the values of a dimension. */
export const readByKey = async (
  view: AuditView,
  pricer: Pricer,
  query: FigureQuery & { readonly dimension: AuditDimension },
): Promise<ReadonlyMap<string, CostFigure>> => {
  const rows = await view.aggregate({ ...filterOf(query), ...groupingOf(query.dimension, pricer) });
  const figures = new Map<string, CostFigure>();
  for (const row of rows) {
    const key = row.key[query.dimension] ?? '';
    figures.set(key, addFigures(figures.get(key) ?? NO_CALLS, toFigure(row, pricer)));
  }
  return figures;
};

/** Figures per bucket of `bucketMs` from `from` on, empty ones included; by key when a dimension is given. */
export const readSeries = async (
  view: AuditView,
  pricer: Pricer,
  query: FigureQuery & { readonly bucketMs: number; readonly dimension?: AuditDimension },
): Promise<ReadonlyMap<string, readonly CostFigure[]>> => {
  const rows = await view.aggregate({
    ...filterOf(query),
    ...groupingOf(query.dimension, pricer),
    bucketMs: query.bucketMs,
  });
  const length = Math.ceil((query.to.getTime() - query.from.getTime()) / query.bucketMs);
  const series = new Map<string, CostFigure[]>();
  for (const row of rows) {
    const key = query.dimension === undefined ? '' : (row.key[query.dimension] ?? '');
    let figures = series.get(key);
    if (figures === undefined) {
      figures = Array.from({ length }, () => NO_CALLS);
      series.set(key, figures);
    }
    const startsAt = row.bucketAt?.getTime() ?? query.from.getTime();
    const index = Math.floor((startsAt - query.from.getTime()) / query.bucketMs);
    figures[index] = addFigures(figures[index] ?? NO_CALLS, toFigure(row, pricer));
  }
  return series;
};

/** The one series of a query without a dimension. */
export const readTotalSeries = async (
  view: AuditView,
  pricer: Pricer,
  query: FigureQuery & { readonly bucketMs: number },
): Promise<readonly CostFigure[]> => {
  const series = await readSeries(view, pricer, query);
  const length = Math.ceil((query.to.getTime() - query.from.getTime()) / query.bucketMs);
  return series.get('') ?? Array.from({ length }, () => NO_CALLS);
};
