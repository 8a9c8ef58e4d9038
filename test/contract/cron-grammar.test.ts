import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextOccurrence } from '#occurrences/occurrence-times';
import { lintCron } from '#registry/cron-lint';

const token = (min: number, max: number, names: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min, max: max + 1 }).map(String) },
    { weight: 1, arbitrary: fc.constantFrom('*', ...names, 'H', 'L', '?', '', '5#2', '15W', '-1') },
  );

const part = (min: number, max: number, names: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    token(min, max, names),
    fc.tuple(token(min, max, names), token(min, max, names)).map((ends) => ends.join('-')),
    fc
      .tuple(fc.constantFrom('*', `${min}-${max}`), fc.integer({ min: 0, max: max + 2 }))
      .map(([base, step]) => `${base}/${step}`),
  );

const field = (min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    {
      weight: 3,
      arbitrary: fc
        .array(part(min, max, names), { minLength: 1, maxLength: 3 })
        .map((p) => p.join()),
    },
  );

interface Line {
  readonly cron: string;
  readonly seconds: boolean;
}

const lines: fc.Arbitrary<Line> = fc
  .tuple(
    fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, field(0, 59)),
    field(0, 59),
    field(0, 23),
    field(1, 31),
    field(1, 12, ['jan', 'DEC']),
    field(0, 7, ['mon', 'Sun']),
  )
  .map(([second, ...fields]) => ({
    cron: [...(second === null ? [] : [second]), ...fields].join(' '),
    seconds: second !== null,
  }));

const valuesOf = ({ cron, seconds }: Line) => lintCron(cron, { seconds, isChosen: true }).values;

const numbers = (values: readonly (number | string)[]): readonly number[] =>
  [...new Set(values.filter((value) => typeof value === 'number'))].sort((a, b) => a - b);

describe('the cron lines that the registry accepts', () => {
  it("mean to the queue engine's library what the registry takes them to mean", () => {
    let accepted = 0;
    fc.assert(
      fc.property(lines, (line) => {
        const values = valuesOf(line);
        if (values === null) return;
        accepted += 1;
        const { fields } = CronExpressionParser.parse(line.cron, { tz: 'UTC' });
        expect(numbers(fields.second.values)).toEqual(values.seconds);
        expect(numbers(fields.minute.values)).toEqual(values.minutes);
        expect(numbers(fields.hour.values)).toEqual(values.hours);
        // The library leaves out the days that none of the months has.
        const longest = Math.max(
          ...values.months.map((month) => new Date(2024, month, 0).getDate()),
        );
        const days = values.daysOfMonth.filter((day) => day <= longest);
        expect(numbers(fields.dayOfMonth.values).filter((day) => day <= longest)).toEqual(days);
        expect(numbers(fields.month.values)).toEqual(values.months);
        const weekdays = numbers(fields.dayOfWeek.values).map((day) => day % 7);
        expect(numbers(weekdays)).toEqual(values.daysOfWeek);
      }),
      { numRuns: 8000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it('all come, in every zone', () => {
    fc.assert(
      fc.property(lines, fc.constantFrom('UTC', 'America/New_York'), (line, timezone) => {
        if (valuesOf(line) === null) return;
        const schedule = { cron: line.cron, timezone };
        expect(nextOccurrence(schedule, new Date('2026-01-01T00:00Z'))).not.toBeNull();
      }),
      { numRuns: 1000 },
    );
  });
});
