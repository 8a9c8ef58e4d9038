import { expect, it } from 'vitest';
import { checkLimits, limitsOf, type ToolLimits } from './tool-limits.ts';

const limits: ToolLimits = {
  version: 1,
  defaults: {
    rate: { calls: 10, per_seconds: 2 },
    concurrency: 8,
    timeout_seconds: 30,
    max_body_bytes: 4_096,
  },
  tools: { jobs: {}, cost: { concurrency: 1, timeout_seconds: 120 } },
};

it('replaces single values of the defaults', () => {
  expect(limitsOf(limits, 'jobs')).toEqual({
    calls: 10,
    windowMs: 2_000,
    concurrency: 8,
    timeoutMs: 30_000,
    maxBodyBytes: 4_096,
  });
  expect(limitsOf(limits, 'cost')).toEqual({
    ...limitsOf(limits, 'jobs'),
    concurrency: 1,
    timeoutMs: 120_000,
  });
});

it('refuses a row without a tool and a tool without a row, both at once', () => {
  expect(() => checkLimits(['jobs', 'cost'], limits)).not.toThrow();
  expect(() => checkLimits(['jobs', 'risk'], limits)).toThrow(
    'tool_limits.yml: tools.cost is no tool; tools: jobs, risk; tools.risk is missing; {} takes the defaults',
  );
});
