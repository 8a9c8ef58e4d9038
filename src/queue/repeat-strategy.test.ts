import { describe, expect, it } from 'vitest';
import { lenientStrategy, type NextSlot, slotStrategy } from './repeat-strategy.ts';

const AFTER_MS = Date.UTC(2026, 0, 1, 8);
const NINE_MS = Date.UTC(2026, 0, 1, 9);
const DAILY = { pattern: '0 9 * * *', tz: 'UTC' };

const refuse: NextSlot = () => {
  throw new Error('not a plain cron line');
};

describe('slotStrategy', () => {
  it('asks the function that it was given', () => {
    const asked: unknown[] = [];
    const strategy = slotStrategy((schedule, after) => {
      asked.push({ schedule, after });
      return new Date(42);
    });
    // As a worker hands it over, with what BullMQ keeps of its own.
    expect(strategy(AFTER_MS, { ...DAILY, offset: 0, count: 7 })).toBe(42);
    expect(asked).toEqual([
      { schedule: { cron: '0 9 * * *', timezone: 'UTC' }, after: new Date(AFTER_MS) },
    ]);
  });

  it('knows no slot where that function knows none', () => {
    expect(slotStrategy(() => null)(AFTER_MS, DAILY)).toBeUndefined();
  });

  it('goes by BullMQ without that function, and where that function throws', () => {
    expect(slotStrategy(undefined)(AFTER_MS, DAILY)).toBe(NINE_MS);
    expect(slotStrategy(refuse)(AFTER_MS, DAILY)).toBe(NINE_MS);
    expect(() => slotStrategy(refuse)(AFTER_MS, { ...DAILY, tz: 'Mars/Olympus' })).toThrow();
  });

  it.each([
    { lacking: 'a zone', options: { pattern: '0 9 * * *' } },
    { lacking: 'an open start', options: { ...DAILY, startDate: '2027-01-01T00:00Z' } },
    { lacking: 'a schedule', options: { ...DAILY, immediately: true } },
  ])('does not ask it for what lacks $lacking', ({ options }) => {
    const asked: unknown[] = [];
    const strategy = slotStrategy((schedule) => {
      asked.push(schedule);
      return null;
    });
    expect(strategy(AFTER_MS, options)).toBeTypeOf('number');
    expect(asked).toEqual([]);
  });
});

describe('lenientStrategy', () => {
  it('reports what the strategy throws, and knows no slot then', () => {
    const reported: unknown[] = [];
    const strategy = lenientStrategy(slotStrategy(refuse), (error) => reported.push(error));
    expect(strategy(AFTER_MS, DAILY)).toBe(NINE_MS);
    expect(reported).toEqual([]);
    expect(strategy(AFTER_MS, { pattern: 'every morning' })).toBeUndefined();
    expect(reported).toHaveLength(1);
  });
});
