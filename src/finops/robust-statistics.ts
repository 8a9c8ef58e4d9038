import { divideRounded } from './decimal.ts';

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Twice the median, which keeps it an integer; of at least one value. */
export const doubledMedian = (values: readonly bigint[]): bigint => {
  const sorted = [...values].sort(ascending);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0n;
  return sorted.length % 2 === 1 ? 2n * upper : (sorted[middle - 1] ?? 0n) + upper;
};

/**
 * Median and spread of values, both times 40,000, so that neither is rounded
 * more than once: the spread is 1.4826 times the median absolute deviation,
 * which is the standard deviation of a normal distribution.
 */
export interface RobustCentre {
  readonly median: bigint;
  readonly spread: bigint;
}

export const CENTRE_SCALE = 40_000n;

export const robustCentre = (values: readonly bigint[]): RobustCentre => {
  const median = doubledMedian(values);
  const deviations = values.map((value) => {
    const distance = 2n * value - median;
    return distance < 0n ? -distance : distance;
  });
  return {
    median: median * (CENTRE_SCALE / 2n),
    spread: doubledMedian(deviations) * 14_826n,
  };
};

const NOISE_SCALE = 1_000_000n;

/**
 * Whether `value` calls are more than chance makes of `usual` calls: twice the
 * difference of the square roots is at least `limit` (for counts, about that
 * many standard deviations; Anscombe 1948). Both are quotients of non-negative
 * integers; exact to a millionth of a call.
 */
export const isBeyondNoise = (
  value: { readonly of: bigint; readonly by: bigint },
  usual: { readonly of: bigint; readonly by: bigint },
  limit: number,
): boolean => {
  const a = divideRounded(value.of * NOISE_SCALE, value.by);
  const b = divideRounded(usual.of * NOISE_SCALE, usual.by);
  // √a − √b ≥ h ⇔ a ≥ b + h² + 2h√b, squared once more to lose the root.
  const h2 = divideRounded(BigInt(Math.round(limit * limit * 1000)) * NOISE_SCALE, 4000n);
  const rest = a - b - h2;
  return rest >= 0n && rest * rest >= 4n * h2 * b;
};
