import { describe, expect, it } from 'vitest';
import { type AuditEventLine, auditEvent } from '#test/support/audit-events';
import { memoryAuditView } from '#test/support/memory-audit-view';
import { type Budget, readBudgetBurns, readForecastInputs, type SpendSource } from './budgets.ts';
import { forecastMonth, monthEnd, monthStart } from './forecast.ts';
import { createPricer } from './price.ts';
import { createTotalSpend } from './total-spend.ts';

const AT = new Date('2026-11-11T00:00:00Z');
const WEIGHTS = { defaults: { cost_per_call: 10, cost_per_ms: 0 } };
const PRICER = createPricer(WEIGHTS);

/** One call a day at noon, from the first to the tenth. */
const daily = Array.from({ length: 10 }, (_, n) =>
  auditEvent({
    ts: `2026-11-${String(n + 1).padStart(2, '0')}T12:00:00Z`,
    agent_id: n < 8 ? 'a' : 'b',
  }),
);

const sourceOf = (events: readonly AuditEventLine[]): SpendSource => {
  const view = memoryAuditView(events);
  const whole = { from: new Date('2026-11-01T00:00:00Z'), to: AT };
  return { view, pricer: PRICER, spend: createTotalSpend(view, PRICER, whole) };
};

const burn = async (budget: Budget) => {
  const [only] = await readBudgetBurns(sourceOf(daily), [budget], AT);
  return only;
};

describe('months', () => {
  it('belongs to the month that ended when it is its end', () => {
    expect(monthStart(new Date('2026-11-01T00:00:00Z'))).toEqual(new Date('2026-10-01T00:00:00Z'));
    expect(monthStart(new Date('2026-11-01T00:00:01Z'))).toEqual(new Date('2026-11-01T00:00:00Z'));
    expect(monthEnd(new Date('2026-12-15T00:00:00Z'))).toEqual(new Date('2027-01-01T00:00:00Z'));
  });
});

describe('the forecast', () => {
  it('adds the mean of the last seven days for each day that remains', async () => {
    const inputs = await readForecastInputs(sourceOf(daily), AT);
    expect(forecastMonth(inputs, PRICER)).toMatchObject({
      month: '2026-11',
      month_to_date_units: 100,
      daily_mean_units: 10,
      mean_of_days: 7,
      remaining_hours: 480,
      forecast_units: 300,
    });
  });

  it('takes fewer days where there are no more, and says how many', async () => {
    const inputs = await readForecastInputs(sourceOf(daily.slice(8)), AT);
    expect(forecastMonth(inputs, PRICER)).toMatchObject({ mean_of_days: 2, forecast_units: 220 });
  });

  it('has none without calls', async () => {
    const inputs = await readForecastInputs(sourceOf([]), AT);
    expect(forecastMonth(inputs, PRICER)).toMatchObject({
      daily_mean_units: null,
      forecast_units: null,
      mean_of_days: 0,
    });
  });
});

describe('budgets', () => {
  it.each([
    [400, 'ok', 300],
    [301, 'ok', 300],
    [299, 'on_pace_to_exceed', 300],
    [99, 'exceeded', 300],
  ])('of %d units a month is %s', async (limit_units, state, projected_units) => {
    expect(await burn({ name: 'all', period: 'monthly', limit_units })).toMatchObject({
      state,
      projected_units,
      spent_units: 100,
      from: '2026-11-01T00:00:00.000Z',
    });
  });

  it('warns from the share on that it names', async () => {
    const daily10: Budget = { name: 'd', period: 'daily', limit_units: 10 };
    expect(await burn(daily10)).toMatchObject({ state: 'warning', used: 1, projected_units: null });
    expect(await burn({ ...daily10, limit_units: 13 })).toMatchObject({ state: 'ok' });
    expect(await burn({ ...daily10, limit_units: 13, warn_at: 0.5 })).toMatchObject({
      state: 'warning',
    });
  });

  it('counts its scope alone', async () => {
    expect(
      await burn({ name: 'b', scope: { agent_id: 'b' }, period: 'monthly', limit_units: 1000 }),
    ).toMatchObject({ spent_units: 20, scope: { dimension: 'agent_id', key: 'b' } });
    expect(
      await burn({ name: 'n', scope: { tool: 'nobody' }, period: 'monthly', limit_units: 1000 }),
    ).toMatchObject({ spent_units: 0, projected_units: null, state: 'ok' });
  });
});
