import type { CostDigest } from '#finops/cost-digest';
import { HOUR_MS } from '#finops/cost-report';
import { formatNumber } from '#reports/markdown';

export const units = (value: number): string => formatNumber(value, 2);

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;

export const windowHours = (digest: CostDigest): number =>
  (Date.parse(digest.time_range.to) - Date.parse(digest.time_range.from)) / HOUR_MS;

export const previousName = (digest: CostDigest): string =>
  windowHours(digest) === 24 ? 'previous day' : `previous ${windowHours(digest)} h`;

export const weekdayName = (digest: CostDigest): string =>
  windowHours(digest) === 24 ? 'same day last week' : 'same hours weeks before';

/** Some calls have a price of their own and some do not, so each figure has to say how many. */
export const isPartlyPriced = ({ totals }: CostDigest): boolean =>
  totals.unpriced_calls > 0 && totals.unpriced_calls < totals.calls;
