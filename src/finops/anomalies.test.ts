import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAnomalies } from './anomalies.ts';
import { type CostFigure, NO_CALLS } from './cost-figures.ts';
import { type AnomalyRule, anomalyRuleOf } from './cost-weights.ts';
import { createPricer } from './price.ts';
import {
  type AnomalyDimension,
  planWindows,
  subjectId,
  type WindowStretch,
} from './window-history.ts';

const PRICER = createPricer({ defaults: { cost_per_call: 1, cost_per_ms: 0 } });
const RULE = anomalyRuleOf({});
const HOUR_MS = 3_600_000;
const END = new Date('2026-11-05T00:00:00Z');

const calls = (count: number, failed = 0): CostFigure => ({
  ...NO_CALLS,
  calls: count,
  failed,
  unpriced: count,
  cost: PRICER.costOf(undefined, { calls: count, durationMs: 0 }),
});

const hours = (count: number, each: CostFigure): readonly CostFigure[] =>
  Array.from({ length: count }, () => each);

type Windows = Readonly<Record<string, readonly CostFigure[]>>;

interface Case {
  readonly judged: number;
  /** Of each week before, the judged windows. */
  readonly weeks?: readonly Windows[];
  readonly dimension?: AnomalyDimension;
  readonly rule?: AnomalyRule;
}

/** `recent` ends where the judged windows end; what it lacks before is without calls. */
const find = (recent: Windows, options: Case) => {
  const rule = options.rule ?? RULE;
  const from = new Date(END.getTime() - options.judged * HOUR_MS);
  const plan = planWindows({ from, to: END }, rule);
  const length = (END.getTime() - plan.recent.from.getTime()) / HOUR_MS;
  const stretch = (windows: Windows, size: number): WindowStretch => {
    const padded = Object.entries(windows).map(
      ([key, own]) => [key, [...hours(size - own.length, NO_CALLS), ...own]] as const,
    );
    return {
      allCalls: Array.from({ length: size }, (_, index) =>
        padded.reduce((sum, [, own]) => sum + (own[index]?.calls ?? 0), 0),
      ),
      subjects: new Map(
        padded.map(([key, own]) => [
          subjectId({ dimension: options.dimension ?? 'tool', key }),
          own,
        ]),
      ),
    };
  };
  const weeks = plan.weeks.map((_week, index) =>
    stretch(options.weeks?.[index] ?? {}, options.judged),
  );
  return findAnomalies({ plan, recent: stretch(recent, length), weeks }, rule, PRICER);
};

describe('anomalies by the ratio to what was before', () => {
  it('finds a window that costs three times its baseline, and says how much', () => {
    const found = find(
      { steady: [...hours(24, calls(20)), calls(20), calls(60), calls(20)] },
      { judged: 3 },
    );
    expect(found).toEqual([
      {
        kind: 'cost_spike',
        dimension: 'tool',
        key: 'steady',
        window: { from: '2026-11-04T22:00:00.000Z', to: '2026-11-04T23:00:00.000Z' },
        peak_at: '2026-11-04T22:00:00.000Z',
        value: 60,
        baseline: 20,
        ratio: 3,
        method: 'ratio',
        samples: 24,
        samples_of: 'preceding_windows',
        robust_z: null,
        calls: 60,
        cost_units: 60,
        failed: 0,
        unpriced_calls: 60,
      },
    ]);
  });

  it('stays quiet just below the ratio, below the minimum of calls, and below the minimum of cost', () => {
    expect(find({ a: [...hours(24, calls(20)), calls(59)] }, { judged: 1 })).toEqual([]);
    expect(find({ a: [...hours(24, calls(1)), calls(9)] }, { judged: 1 })).toEqual([]);
    const dear = { ...RULE, minCostUnits: 41 };
    expect(find({ a: [...hours(24, calls(10)), calls(40)] }, { judged: 1, rule: dear })).toEqual(
      [],
    );
  });

  it('takes a handful of calls more for chance', () => {
    expect(find({ a: [...hours(24, calls(3)), calls(11)] }, { judged: 1 })).toEqual([]);
    expect(find({ a: [...hours(24, calls(3)), calls(20)] }, { judged: 1 })).toHaveLength(1);
  });

  it('trusts a past that never varied, where a past that scatters explains as much by chance', () => {
    const scattered = Array.from({ length: 24 }, (_, hour) => calls(hour % 2 === 0 ? 9 : 11));
    expect(find({ a: [...hours(24, calls(10)), calls(31)] }, { judged: 1 })).toHaveLength(1);
    expect(find({ a: [...scattered, calls(31)] }, { judged: 1 })).toEqual([]);
    const steadyWeeks = weeksOf(10, 10, 10, 10);
    const now = { a: [...hours(24, calls(10)), calls(40)] };
    expect(find(now, { judged: 1, weeks: steadyWeeks })).toHaveLength(1);
    expect(find(now, { judged: 1, weeks: weeksOf(9, 10, 11, 10) })).toEqual([]);
  });

  it('joins windows that follow each other and shows the worst', () => {
    const [spike, ...others] = find(
      { a: [...hours(24, calls(10)), calls(50), calls(90), calls(10)] },
      { judged: 3 },
    );
    expect(others).toEqual([]);
    expect(spike).toMatchObject({
      window: { from: '2026-11-04T21:00:00.000Z', to: '2026-11-04T23:00:00.000Z' },
      calls: 140,
      peak_at: '2026-11-04T22:00:00.000Z',
      value: 90,
    });
  });

  it('reports a new spender once and then waits until it is known', () => {
    const found = find(
      {
        old: hours(28, calls(5)),
        fresh: [calls(30), calls(320), calls(28)],
      },
      { judged: 4 },
    );
    expect(found).toMatchObject([
      {
        kind: 'new_spender',
        key: 'fresh',
        window: { from: '2026-11-04T21:00:00.000Z', to: '2026-11-04T22:00:00.000Z' },
        ratio: null,
        baseline: 0,
        value: 30,
        method: 'first_seen',
      },
    ]);
  });

  it('calls nobody new in the first window of all', () => {
    expect(find({ a: [calls(50), calls(50)] }, { judged: 2 })).toEqual([]);
    expect(find({ a: [] }, { judged: 6 })).toEqual([]);
  });

  it('knows the hours of the days before, so that a morning is no spike', () => {
    const day = [...hours(9, calls(2)), ...hours(8, calls(100)), ...hours(7, calls(2))];
    expect(find({ a: [...day, ...day] }, { judged: 24 })).toEqual([]);
    const weekend = [...day, ...hours(48, calls(2)), ...day];
    expect(find({ a: weekend }, { judged: 24 })).toEqual([]);
    expect(find({ a: [...day, ...hours(9, calls(2)), calls(400)] }, { judged: 1 })).toMatchObject([
      { samples_of: 'same_time_of_day', baseline: 100, ratio: 4 },
    ]);
  });

  it('finds errors that rise, also from none', () => {
    const options = { judged: 1, dimension: 'agent_id' as const };
    expect(find({ a: [...hours(24, calls(20, 1)), calls(20, 8)] }, options)).toMatchObject([
      {
        kind: 'error_rate_spike',
        dimension: 'agent_id',
        value: 0.4,
        baseline: 0.05,
        ratio: 8,
        method: 'ratio',
      },
    ]);
    expect(find({ a: [...hours(24, calls(20)), calls(20, 5)] }, options)).toMatchObject([
      { kind: 'error_rate_spike', baseline: 0, ratio: null },
    ]);
    expect(find({ a: [...hours(24, calls(20)), calls(20, 4)] }, options)).toEqual([]);
  });

  it('forgets what is older than the baseline', () => {
    const found = find({ a: [calls(1000), ...hours(24, calls(10)), calls(40)] }, { judged: 1 });
    expect(found).toMatchObject([{ kind: 'cost_spike', baseline: 10, ratio: 4 }]);
  });

  it('orders by cost, then by name', () => {
    const spike = (height: number) => [...hours(24, calls(10)), calls(height)];
    const found = find({ b: spike(50), c: spike(90), a: spike(50) }, { judged: 1 });
    expect(found.map(({ key }) => key)).toEqual(['c', 'a', 'b']);
  });
});

const weeksOf = (...values: readonly number[]): readonly Windows[] =>
  values.map((value) => ({ a: [calls(value)], other: [calls(1)] }));

describe('anomalies by the same time of earlier weeks', () => {
  const steady = hours(24, calls(50));

  it('finds what is far above their median, and says how far', () => {
    const weeks = weeksOf(100, 110, 90, 105, 95);
    expect(find({ a: [...steady, calls(300)] }, { judged: 1, weeks })).toMatchObject([
      {
        kind: 'cost_spike',
        method: 'robust',
        samples: 5,
        samples_of: 'same_time_of_week',
        value: 300,
        baseline: 100,
        ratio: 3,
        // The spread of these samples, 1.4826 × 5, is less than a fifth of their median.
        robust_z: 10,
      },
    ]);
  });

  it('is not moved by one wild week, and not disturbed by a spread that is always there', () => {
    const wild = weeksOf(100, 110, 5000, 105, 95);
    expect(find({ a: [...steady, calls(400)] }, { judged: 1, weeks: wild })).toHaveLength(1);
    const wide = weeksOf(20, 300, 90, 400, 150);
    expect(find({ a: [...steady, calls(310)] }, { judged: 1, weeks: wide })).toEqual([]);
  });

  it('lets the weekly batch run, which the hours before know nothing of', () => {
    const weeks = weeksOf(500, 510, 490, 505);
    const batch = [...hours(24, calls(1)), calls(520)];
    expect(find({ a: batch }, { judged: 1, weeks })).toEqual([]);
    expect(find({ a: batch }, { judged: 1 })).toHaveLength(1);
  });

  it('does not alarm on a little more than samples that are all the same', () => {
    const weeks = weeksOf(100, 100, 100, 100);
    expect(find({ a: [...steady, calls(101)] }, { judged: 1, weeks })).toEqual([]);
    expect(find({ a: [...steady, calls(299)] }, { judged: 1, weeks })).toEqual([]);
    expect(find({ a: [...steady, calls(300)] }, { judged: 1, weeks })).toHaveLength(1);
  });

  it('goes by the ratio where there are too few samples', () => {
    const found = find(
      { a: [...hours(24, calls(20)), calls(80)] },
      { judged: 1, weeks: weeksOf(20, 20, 20) },
    );
    expect(found).toMatchObject([{ method: 'ratio', ratio: 4 }]);
  });

  it('takes neither the time before a subject nor a gap in the trail for zero', () => {
    const lived: readonly Windows[] = [
      ...weeksOf(100, 100, 100),
      ...Array.from({ length: 5 }, () => ({ other: [calls(9)] })),
    ];
    const known = [...hours(168, calls(100)), calls(250)];
    expect(find({ a: known }, { judged: 1, weeks: lived })).toEqual([]);
    const gap: readonly Windows[] = [...weeksOf(100), {}, {}, {}, {}, ...weeksOf(100, 100)];
    expect(find({ a: known }, { judged: 1, weeks: gap })).toEqual([]);
  });

  it('compares who mostly idles at this time with itself at work', () => {
    const idle = weeksOf(0, 0, 0, 0, 0, 0, 0, 60);
    const sometimes = [...hours(5, NO_CALLS), calls(55), ...hours(5, NO_CALLS), calls(65)];
    const worked = [...sometimes, ...hours(30, NO_CALLS), ...sometimes, ...hours(9, NO_CALLS)];
    expect(find({ a: [...worked, calls(62)] }, { judged: 1, weeks: idle })).toEqual([]);
    expect(find({ a: [...worked, calls(600)] }, { judged: 1, weeks: idle })).toMatchObject([
      { method: 'robust', samples_of: 'active_windows', samples: 5 },
    ]);
  });

  it('judges error rates likewise', () => {
    const weeks = Array.from({ length: 6 }, (_, n) => ({ a: [calls(100, 2 + (n % 3))] }));
    const recent = hours(24, calls(100, 1));
    expect(find({ a: [...recent, calls(100, 30)] }, { judged: 1, weeks })).toMatchObject([
      { kind: 'error_rate_spike', method: 'robust', baseline: 0.03, ratio: 10, samples: 6 },
    ]);
    expect(find({ a: [...recent, calls(100, 6)] }, { judged: 1, weeks })).toEqual([]);
  });

  it('needs weeks that windows divide', () => {
    const rule = anomalyRuleOf({ anomalies: { window_minutes: 50 } });
    expect(planWindows({ from: new Date(0), to: END }, rule).weeks).toEqual([]);
    expect(planWindows({ from: new Date(0), to: END }, RULE).weeks).toHaveLength(8);
  });
});

describe('properties', () => {
  const history = fc.record({
    recent: fc.array(fc.nat(400), { minLength: 25, maxLength: 60 }),
    weeks: fc.array(fc.nat(400), { maxLength: 8 }),
    now: fc.nat(2000),
  });
  const judge = ({ recent, weeks, now }: { recent: number[]; weeks: number[]; now: number }) =>
    find(
      { a: [...recent.map((count) => calls(count)), calls(now)] },
      { judged: 1, weeks: weeksOf(...weeks) },
    );

  it('what is found stays found when it costs more', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 500 }), (given, more) => {
        const found = judge(given).some(({ kind }) => kind === 'cost_spike');
        const dearer = judge({ ...given, now: given.now + more });
        if (found) expect(dearer.some(({ kind }) => kind === 'cost_spike')).toBe(true);
      }),
    );
  });

  it('what is found is at least three times its baseline, and large enough', () => {
    fc.assert(
      fc.property(history, (given) => {
        for (const { kind, value, baseline, calls: count } of judge(given)) {
          expect(count).toBeGreaterThanOrEqual(RULE.minCalls);
          if (kind === 'cost_spike') expect(value).toBeGreaterThanOrEqual(3 * baseline - 0.01);
        }
      }),
    );
  });

  it('the order of the samples does not matter', () => {
    fc.assert(
      fc.property(
        history.chain((given) =>
          fc.tuple(
            fc.constant(given),
            fc.shuffledSubarray(given.weeks, { minLength: given.weeks.length }),
          ),
        ),
        ([given, shuffled]) => {
          // With zero samples the beginning of the subject moves, and with it what counts.
          fc.pre(given.weeks.every((count) => count > 0));
          expect(judge({ ...given, weeks: shuffled })).toEqual(judge(given));
        },
      ),
    );
  });
});
