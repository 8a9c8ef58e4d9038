import type { AuditView } from '#audit/audit-store';
import { type CostFigure, readTotal, readTotalSeries, sumFigures } from './cost-figures.ts';
import type { Pricer } from './price.ts';

const HOUR_MS = 3_600_000;

interface Range {
  readonly from: Date;
  readonly to: Date;
}

/** Figures of all calls of any part of a range, read in one scan by hours. */
export interface TotalSpend {
  total(range: Range): Promise<CostFigure>;
  /** Per bucket of whole hours, from the start of the range. */
  series(range: Range, bucketMs: number): Promise<readonly CostFigure[]>;
}

/**
 * Hours count back from the end of the range; parts that do not fall on them are
 * asked for by themselves. It is read in two parts at `splitAt`, where other
 * figures by the hour begin, so that those share the scan of the second.
 */
export const createTotalSpend = (
  view: AuditView,
  pricer: Pricer,
  whole: Range,
  options: { readonly splitAt?: Date } = {},
): TotalSpend => {
  const hours = Math.floor((whole.to.getTime() - whole.from.getTime()) / HOUR_MS);
  const startMs = whole.to.getTime() - hours * HOUR_MS;
  const splitMs = options.splitAt?.getTime() ?? startMs;
  const isSplit = splitMs > startMs && (splitMs - startMs) % HOUR_MS === 0;
  const edges = [startMs, ...(isSplit ? [splitMs] : []), whole.to.getTime()];
  const reading = Promise.all(
    edges.slice(1).map((endMs, index) =>
      readTotalSeries(view, pricer, {
        from: new Date(edges[index] ?? startMs),
        to: new Date(endMs),
        bucketMs: HOUR_MS,
      }),
    ),
  ).then((parts) => parts.flat());
  // Whoever asks first sees the fault; without this it would also count as one nobody looked at.
  reading.catch(() => undefined);
  const hourOf = (at: Date): number | undefined => {
    const hour = (at.getTime() - startMs) / HOUR_MS;
    return Number.isInteger(hour) && hour >= 0 && hour <= hours ? hour : undefined;
  };
  return {
    async total(range) {
      const [first, last] = [hourOf(range.from), hourOf(range.to)];
      if (first === undefined || last === undefined) return readTotal(view, pricer, range);
      return sumFigures((await reading).slice(first, last));
    },
    async series(range, bucketMs) {
      const [first, last] = [hourOf(range.from), hourOf(range.to)];
      const step = bucketMs / HOUR_MS;
      if (first === undefined || last === undefined || !Number.isInteger(step))
        return readTotalSeries(view, pricer, { ...range, bucketMs });
      const figures = await reading;
      return Array.from({ length: Math.ceil((last - first) / step) }, (_, index) =>
        sumFigures(figures.slice(first + index * step, Math.min(last, first + (index + 1) * step))),
      );
    },
  };
};
