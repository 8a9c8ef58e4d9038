import type { CostFigure } from './cost-figures.ts';
import { divideRounded } from './decimal.ts';
import type { CostAmount, Pricer } from './price.ts';

export const DAY_MS = 86_400_000;
const MEAN_OF_DAYS = 7;

/** Start of the calendar month, in UTC, that the instant just before `at` lies in. */
export const monthStart = (at: Date): Date => {
  const before = new Date(at.getTime() - 1);
  return new Date(Date.UTC(before.getUTCFullYear(), before.getUTCMonth(), 1));
};

export const monthEnd = (at: Date): Date => {
  const start = monthStart(at);
  return new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1));
};

/** Start of the days that the mean is made of. */
export const meanStart = (at: Date): Date => new Date(at.getTime() - MEAN_OF_DAYS * DAY_MS);

export interface ForecastInputs {
  readonly at: Date;
  readonly monthToDate: CostFigure;
  /** Cost of the last seven windows of 24 hours before `at`, oldest first. */
  readonly days: readonly CostAmount[];
  /** Index of the first of these days in which anybody called; null when nobody did. */
  readonly firstActiveDay: number | null;
}

export interface Forecast {
  readonly month: string;
  readonly month_to_date_units: number;
  /** Calls of the month to date whose tool has no price of its own. */
  readonly unpriced_calls: number;
  /** Null without any call in the last seven days. */
  readonly daily_mean_units: number | null;
  /** How many days of 24 hours the mean is made of. */
  readonly mean_of_days: number;
  readonly remaining_hours: number;
  readonly forecast_units: number | null;
  readonly method: string;
}

const METHOD =
  'month to date + mean of the last full 24 h windows (at most 7, from the first with calls on) × what remains of the month (UTC)';

/** What the month comes to when it goes on like the last days, or null without any. */
export const forecastAmount = (inputs: ForecastInputs): CostAmount | null => {
  if (inputs.firstActiveDay === null) return null;
  const days = inputs.days.slice(inputs.firstActiveDay);
  const sum = days.reduce((total, day) => total + day, 0n);
  const remainingMs = BigInt(monthEnd(inputs.at).getTime() - inputs.at.getTime());
  return (
    inputs.monthToDate.cost + divideRounded(sum * remainingMs, BigInt(days.length) * BigInt(DAY_MS))
  );
};

export const forecastMonth = (inputs: ForecastInputs, pricer: Pricer): Forecast => {
  const amount = forecastAmount(inputs);
  const days = inputs.firstActiveDay === null ? [] : inputs.days.slice(inputs.firstActiveDay);
  const sum = days.reduce((total, day) => total + day, 0n);
  return {
    month: monthStart(inputs.at).toISOString().slice(0, 7),
    month_to_date_units: pricer.toUnits(inputs.monthToDate.cost),
    unpriced_calls: inputs.monthToDate.unpriced,
    daily_mean_units:
      days.length === 0 ? null : pricer.toUnits(divideRounded(sum, BigInt(days.length))),
    mean_of_days: days.length,
    remaining_hours: (monthEnd(inputs.at).getTime() - inputs.at.getTime()) / 3_600_000,
    forecast_units: amount === null ? null : pricer.toUnits(amount),
    method: METHOD,
  };
};
