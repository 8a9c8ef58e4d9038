/**
 * Amounts as integers of a fixed, small unit. Sums of doubles depend on their
 * order, and a report must not.
 */
export interface Decimal {
  readonly digits: bigint;
  /** How many of the digits stand behind the point. */
  readonly scale: number;
}

/** The number as people write it: 0.1 is one tenth, not the nearest double to it. */
export const parseDecimal = (value: number): Decimal => {
  if (!Number.isFinite(value)) throw new RangeError('only finite numbers are decimals');
  const [mantissa = '', exponent = '0'] = value.toString().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = BigInt(whole + fraction);
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
};

/** The same amount with more digits behind the point. */
export const rescale = (value: Decimal, scale: number): bigint => {
  if (scale < value.scale) throw new RangeError('rescaling must not drop digits');
  return value.digits * 10n ** BigInt(scale - value.scale);
};

/** Quotient rounded to the nearest integer, halves away from zero. The divisor is positive. */
export const divideRounded = (dividend: bigint, divisor: bigint): bigint =>
  dividend < 0n
    ? -((-dividend * 2n + divisor) / (divisor * 2n))
    : (dividend * 2n + divisor) / (divisor * 2n);

/** Text of `digits / 10^scale`, rounded to `places`; with every place written out. */
export const formatDecimal = (digits: bigint, scale: number, places: number): string => {
  const rounded =
    places >= scale
      ? digits * 10n ** BigInt(places - scale)
      : divideRounded(digits, 10n ** BigInt(scale - places));
  const sign = rounded < 0n ? '-' : '';
  const text = (rounded < 0n ? -rounded : rounded).toString().padStart(places + 1, '0');
  const point = text.length - places;
  return places === 0 ? sign + text : `${sign}${text.slice(0, point)}.${text.slice(point)}`;
};

/** The double nearest to the amount, which prints as the amount up to 15 digits. */
export const toNumber = (digits: bigint, scale: number): number =>
  Number(formatDecimal(digits, scale, scale));

/** `numerator / denominator` to `places` digits; 0 for an empty denominator. */
export const ratioOf = (
  numerator: bigint | number,
  denominator: bigint | number,
  places: number,
): number =>
  BigInt(denominator) === 0n
    ? 0
    : toNumber(
        divideRounded(BigInt(numerator) * 10n ** BigInt(places), BigInt(denominator)),
        places,
      );
