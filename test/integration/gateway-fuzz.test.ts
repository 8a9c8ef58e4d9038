import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;

beforeAll(async () => {
  site = await startTestGateway({
    change: (defaults) => ({
      ...defaults,
      limits: {
        ...defaults.limits,
        defaults: { ...defaults.limits.defaults, rate: { calls: 1_000_000, per_seconds: 1 } },
      },
    }),
  });
});
afterAll(() => site.stop());

const ACTIONS = [
  'plan',
  'list_tasks',
  'get_task',
  'start_task',
  'get_run',
  'list_runs',
  'cancel_run',
  'retry_run',
  'pause_task',
  'resume_task',
  'toString',
  '__proto__',
];
const NAMES = ['task_id', 'inputs', 'dry_run', 'scheduled_for', 'force', 'run_id', 'reason'];
const MORE_NAMES = [
  'states',
  'triggers',
  'from',
  'to',
  'limit',
  'before',
  'dry_run_id',
  'constructor',
];

const odd = fc.oneof(
  fc.constantFrom(
    'window_digest',
    'shared_one',
    'guarded_sweep',
    'run_01J8Z6Q4T0V5W9X2Y3A7B8C9D0',
    'run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
    '2016-12-31T23:59:60Z',
    '0000-01-01T00:00:00Z',
    '+275760-09-13T00:00:00Z',
    '2026-01-31T09:00:00Z',
    '\u0000',
    '\ud800',
    '',
    1e308,
    -0,
    Number.MAX_SAFE_INTEGER + 2,
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.array(fc.constantFrom('queued', 'failed', 'gateway', 'nonsense'), { maxLength: 3 }),
  fc.dictionary(
    fc.constantFrom('window_hours', 'note', '__proto__'),
    fc.jsonValue({ maxDepth: 1 }),
  ),
);

const params = fc.dictionary(fc.constantFrom(...NAMES, ...MORE_NAMES), odd, { maxKeys: 6 });

const taskName = fc.constantFrom('window_digest', 'shared_one', 'guarded_sweep', 'window_digset');
const runName = fc.constantFrom('run_01J8Z6Q4T0V5W9X2Y3A7B8C9D0', 'nope', '');
const instant = fc.constantFrom(
  '2016-12-31T23:59:60Z',
  '0000-01-01T00:00:00Z',
  '2026-01-31T09:00:00Z',
);

// Calls with the right names and mostly the right types, so that they reach the runner and the database.
const wellFormed = fc.oneof(
  fc
    .record(
      {
        task_id: taskName,
        inputs: fc.oneof(
          fc.record(
            {
              window_hours: fc.integer({ min: -1, max: 800 }),
              note: fc.string({ unit: 'binary' }),
            },
            { requiredKeys: [] },
          ),
          odd,
        ),
        dry_run: fc.boolean(),
        scheduled_for: instant,
        force: fc.boolean(),
        dry_run_id: runName,
      },
      { requiredKeys: ['task_id'] },
    )
    .map((given) => ({ action: 'start_task', params: given })),
  fc
    .tuple(fc.constantFrom('get_run', 'cancel_run', 'retry_run'), runName)
    .map(([action, run_id]) => ({ action, run_id })),
  fc
    .tuple(
      fc.constantFrom('get_task', 'pause_task', 'resume_task'),
      taskName,
      fc.string({ unit: 'binary' }),
    )
    .map(([action, task_id, reason]) => ({
      action,
      task_id,
      ...(action === 'pause_task' ? { reason } : {}),
    })),
  fc
    .record(
      { task_id: taskName, from: instant, to: instant, limit: fc.integer({ min: 0, max: 501 }) },
      { requiredKeys: [] },
    )
    .map((given) => ({ action: 'list_runs', params: given })),
);

const body = fc.oneof(
  { weight: 6, arbitrary: wellFormed },
  { weight: 6, arbitrary: fc.record({ action: fc.constantFrom(...ACTIONS), params }) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...ACTIONS), params)
      .map(([action, flat]) => ({ action, ...flat })),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
);

const text = fc.oneof(
  { weight: 9, arbitrary: body.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
);

const headers = fc.record(
  {
    'idempotency-key': fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
    'x-agent-id': fc.constantFrom('', '', '', 'sofiia', 'monitor', 'a b', '../x'),
    'content-type': fc.constantFrom(
      'application/json',
      'application/json',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-8',
      'text/plain',
      ';;',
    ),
  },
  { requiredKeys: [] },
);

it('answers 2,000 generated bodies with anything but a 500', { timeout: 300_000 }, async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(text, headers, async (sent, extra) => {
      const answer = await fetch(`${site.url}/v1/tools/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...extra, 'x-api-key': GATEWAY_KEY },
        body: sent,
      });
      seen.add(answer.status);
      const answered = await answer.text();
      expect(answer.status, answered).not.toBe(500);
      expect(answer.status, answered).not.toBe(503);
      expect(() => JSON.parse(answered)).not.toThrow();
    }),
    { numRuns: 2_000 },
  );
  // The generator reaches behind the checks, not only up to them.
  expect([...seen].sort()).toEqual(expect.arrayContaining([200, 400, 403, 404, 415, 422]));
  // A start is accepted, or refused by the ledger alone: the task is paused or active already.
  expect(seen.has(202) || seen.has(409)).toBe(true);
});
