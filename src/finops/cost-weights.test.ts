import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPolicy } from '#config/policy-files';
import { packageRoot } from '#core/package-root';
import { anomalyRuleOf, COST_WEIGHTS } from './cost-weights.ts';
import { createPricer } from './price.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'opsloop-weights-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const load = async (yaml: string) => {
  await writeFile(path.join(dir, 'cost_weights.yml'), yaml);
  return loadPolicy({ dir, name: 'cost_weights', schema: COST_WEIGHTS });
};

describe('config/cost_weights.yml', () => {
  it('ships with the documented defaults', async () => {
    const weights = await loadPolicy({
      dir: path.join(packageRoot(), 'config'),
      name: 'cost_weights',
      schema: COST_WEIGHTS,
    });
    expect(weights.defaults).toEqual({ cost_per_call: 1, cost_per_ms: 0.001 });
    expect(anomalyRuleOf(weights)).toEqual(anomalyRuleOf({}));
    expect(createPricer(weights).pricedTools).toEqual([]);
  });

  it('takes prices of up to twelve decimals and large ones', async () => {
    const weights = await load(
      'defaults: { cost_per_call: 1e9, cost_per_ms: 1e-12 }\ntools: { chat: { cost_per_call: 0.123456789012 } }\n',
    );
    expect(() => createPricer(weights)).not.toThrow();
  });

  it('takes scopes, budgets and money', async () => {
    const weights = await load(
      'tools: { chat: { cost_per_call: 2.5 } }\ncurrency: EUR\ncurrency_per_unit: 0.1\nbudgets:\n  - { name: x, scope: { user_id: u }, period: daily, limit_units: 5 }\n',
    );
    expect(weights.budgets?.[0]?.scope).toEqual({ user_id: 'u' });
  });

  it.each([
    ['a misspelt key', 'default: {}\n', 1],
    ['a negative price', 'defaults:\n  cost_per_call: -1\n', 2],
    ['a price of too many decimals', 'defaults:\n  cost_per_call: 0.1234567890123\n', 2],
    ['a price too small', 'tools:\n  chat:\n    cost_per_ms: 1e-13\n', 3],
    ['a price of money with too many decimals', 'currency_per_unit: 1e-13\n', 1],
    ['a price as text', 'tools:\n  chat:\n    cost_per_ms: "1"\n', 3],
    ['a budget without limit', 'budgets:\n  - { name: x, period: daily }\n', 2],
    [
      'an unknown scope',
      'budgets:\n  - { name: x, period: daily, limit_units: 1, scope: { team: t } }\n',
      2,
    ],
    [
      'two scopes',
      'budgets:\n  - { name: x, period: daily, limit_units: 1, scope: { tool: t, user_id: u } }\n',
      2,
    ],
  ])('refuses %s with file and line', async (_what, yaml, line) => {
    await expect(load(yaml)).rejects.toMatchObject({
      code: 'invalid_policy',
      message: expect.stringMatching(new RegExp(`cost_weights\\.yml:${line}:`)),
    });
  });
});
