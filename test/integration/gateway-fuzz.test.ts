import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CapturedLog, captureLog } from '#test/support/captured-log';
import { withDigests } from '#test/support/digest-tools';
import { GatewayClient } from '#test/support/gateway-client';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

// GATEWAY_FUZZ_SEED repeats a run that is printed here.
const seed = Number(process.env['GATEWAY_FUZZ_SEED'] ?? randomInt(2 ** 31));
const CALLS = 2_000;

let site: TestGateway;
let log: CapturedLog;

beforeAll(async () => {
  console.info(`gateway fuzz: GATEWAY_FUZZ_SEED=${seed}`);
  log = await captureLog();
  site = await startTestGateway({
    change: (defaults) => ({
      ...withDigests(defaults),
      logger: log.logger,
      limits: {
        ...defaults.limits,
        defaults: { ...defaults.limits.defaults, rate: { calls: 1_000_000, per_seconds: 1 } },
      },
    }),
  });
});
afterAll(() => site.stop());

/** Secrets that callers send where none belongs, and what must never be seen of them again. */
const SECRETS = [
  `opsl_0123456789ab_${'5ec2e7'.repeat(11).slice(0, 64)}`,
  'postgres://ops:5ec2e7pass@db/x',
  'password=5ec2e7word',
];
const TRACE = '5ec2e7';

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
    ...SECRETS,
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
    fc.constantFrom('window_hours', 'note', '__proto__', ...SECRETS),
    fc.jsonValue({ maxDepth: 1 }),
  ),
);

const params = fc.dictionary(fc.constantFrom(...NAMES, ...MORE_NAMES, ...SECRETS), odd, {
  maxKeys: 6,
});

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
              note: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...SECRETS)),
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
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...SECRETS)),
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

const toolName = fc.oneof(
  fc.constantFrom('jobs', 'job_orchestrator_tool', 'cost_analyzer_tool', 'job', '', ...SECRETS),
  fc.string({ unit: 'binary', maxLength: 80 }),
);

interface Sent {
  readonly path: string;
  readonly body?: string;
}

const address = (path: string, ...parts: readonly string[]): string =>
  `${path}${parts.map((part) => encodeURIComponent(part.toWellFormed())).join('')}`;

const query = fc.oneof(
  fc.constantFrom('', '?', '?window_hours', '?window_hours=%', '?window_hours[]=1', '?__proto__=1'),
  fc
    .dictionary(
      fc.constantFrom('window_hours', 'window_hours[x]', 'toString', ...SECRETS),
      fc.oneof(
        fc.integer({ min: -2, max: 800 }).map(String),
        fc.string({ maxLength: 20 }),
        fc.constantFrom(...SECRETS),
      ),
      { maxKeys: 3 },
    )
    .map((given) => `?${new URLSearchParams(given)}`),
);

const request: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 12, arbitrary: text.map((sent) => ({ path: '/v1/tools/jobs', body: sent })) },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.oneof(toolName, odd), body).map(([tool, given]) => ({
      path: '/v1/tools/execute',
      body: JSON.stringify(
        given !== null && typeof given === 'object' ? { tool, ...given } : given,
      ),
    })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(toolName, text)
      .map(([tool, sent]) => ({ path: address('/v1/tools/', tool), body: sent })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('/v1/finops/dashboard', '/v1/privacy/dashboard', '/v1/tools', '/v1/runs/x'),
        query,
      )
      .map(([path, asked]) => ({ path: `${path}${asked}` })),
  },
);

it(`answers ${CALLS} generated calls with anything but a fault, and keeps their secrets`, {
  timeout: 300_000,
}, async () => {
  const seen = new Set<number>();
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(request, headers, async (sent, extra) => {
      const answer = await fetch(`${site.url}${sent.path}`, {
        method: sent.body === undefined ? 'GET' : 'POST',
        headers: { 'content-type': 'application/json', ...extra, 'x-api-key': GATEWAY_KEY },
        ...(sent.body === undefined ? {} : { body: sent.body }),
      });
      seen.add(answer.status);
      const answered = await answer.text();
      expect(answer.status, answered).not.toBe(500);
      expect(answer.status, answered).not.toBe(503);
      expect(() => JSON.parse(answered)).not.toThrow();
      expect(answered).not.toContain(TRACE);
      calls += 1;
    }),
    { numRuns: CALLS, seed },
  );
  // The generator reaches behind the checks, not only up to them.
  expect([...seen].sort()).toEqual(expect.arrayContaining([200, 400, 403, 404, 415, 422]));
  // A start is accepted, or refused by the ledger alone: the task is paused or active already.
  expect(seen.has(202) || seen.has(409)).toBe(true);

  const events = await new GatewayClient(site).events();
  expect(events.length).toBeGreaterThan(calls / 2);
  expect(JSON.stringify(events)).not.toContain(TRACE);
  expect(log.text()).not.toContain(TRACE);
  const runs = await site.database.database.query('SELECT * FROM task_runs');
  expect(JSON.stringify(runs)).not.toContain(TRACE);
});
