import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  divideRounded,
  formatDecimal,
  parseDecimal,
  ratioOf,
  rescale,
  toNumber,
} from './decimal.ts';
import { createPricer } from './price.ts';

describe('decimals', () => {
  it.each([
    [0.1, 1n, 1],
    [1e-7, 1n, 7],
    [1.25e-9, 125n, 11],
    [1e21, 10n ** 21n, 0],
    [1000, 1000n, 0],
    [-0.5, -5n, 1],
  ])('reads %d as it is written', (value, digits, scale) => {
    expect(parseDecimal(value)).toEqual({ digits, scale });
  });

  it('gives every number back', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const { digits, scale } = parseDecimal(value);
        expect(toNumber(digits, scale)).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it('rounds halves away from zero', () => {
    expect([5n, 15n, -5n, 4n, -4n].map((value) => divideRounded(value, 10n))).toEqual([
      1n,
      2n,
      -1n,
      0n,
      0n,
    ]);
    expect(formatDecimal(-1005n, 3, 2)).toBe('-1.01');
    expect(formatDecimal(5n, 3, 0)).toBe('0');
    expect(formatDecimal(5n, 0, 2)).toBe('5.00');
  });

  it('never drops digits unasked', () => {
    expect(() => rescale({ digits: 1n, scale: 3 }, 2)).toThrow(RangeError);
    expect(() => parseDecimal(Number.NaN)).toThrow(RangeError);
  });

  it('has no quotient of nothing', () => {
    expect(ratioOf(0, 0, 6)).toBe(0);
    expect(ratioOf(1, 3, 4)).toBe(0.3333);
  });
});

describe('pricing', () => {
  it('has the documented defaults', () => {
    const pricer = createPricer({});
    expect(pricer.toUnits(pricer.costOf('any', { calls: 1, durationMs: 1 }))).toBe(1.001);
    expect(pricer.isPriced('any')).toBe(false);
  });

  it('lets a tool override either price', () => {
    const pricer = createPricer({
      defaults: { cost_per_call: 2, cost_per_ms: 0.01 },
      tools: { a: { cost_per_call: 0.1 }, b: { cost_per_ms: 0 }, c: {} },
    });
    const spend = { calls: 3, durationMs: 100 };
    const units = (tool?: string): number => pricer.toUnits(pricer.costOf(tool, spend));
    expect([units('a'), units('b'), units('c'), units('d'), units()]).toEqual([1.3, 6, 7, 7, 7]);
    expect(pricer.pricedTools).toEqual(['a', 'b', 'c']);
  });

  it('prices a million times a tenth as one hundred thousand', () => {
    const pricer = createPricer({ defaults: { cost_per_call: 0.1, cost_per_ms: 0 } });
    const one = pricer.costOf(undefined, { calls: 1, durationMs: 0 });
    let sum = 0n;
    for (let n = 0; n < 1_000_000; n += 1) sum += one;
    expect(pricer.toUnits(sum)).toBe(100_000);
    expect(pricer.format(sum, 2)).toBe('100,000.00');
  });

  it('adds money where the policy has a rate', () => {
    const pricer = createPricer({ currency: 'EUR', currency_per_unit: 0.0004 });
    expect(pricer.money?.currency).toBe('EUR');
    expect(pricer.money?.toMoney(pricer.amountOf(122_960.473))).toBe(49.18);
    expect(createPricer({}).money).toBeUndefined();
  });

  it('refuses a price that is finer than it can hold', () => {
    expect(() => createPricer({ defaults: { cost_per_ms: 1e-15 } })).toThrow('at most 12');
  });

  it('is not fooled by names of object members', () => {
    const pricer = createPricer({});
    expect(pricer.isPriced('constructor')).toBe(false);
    expect(pricer.isPriced('__proto__')).toBe(false);
  });
});
