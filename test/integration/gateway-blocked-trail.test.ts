import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AuditStore, AuditStoreHealth } from '#audit/audit-store';
import { type CapturedLog, captureLog } from '#test/support/captured-log';
import { GatewayClient } from '#test/support/gateway-client';
import { createProbe, type Probe, withProbe } from '#test/support/probe-tool';
import { GATEWAY_KEY, logIn, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;
let client: GatewayClient;
let probe: Probe;
let log: CapturedLog;
let cookie: string;
// What the store says of itself; the store behind stays the real one.
let blocks: AuditStoreHealth['blocks'];
let refuses: boolean;

let flushing: Promise<void>;

const restricted = (audit: Pick<AuditStore, 'write' | 'flush' | 'health'>) => ({
  health: (): AuditStoreHealth => ({
    ...audit.health(),
    ok: blocks === 'nothing',
    blocks,
    detail: 'the disk of the audit directory is full',
  }),
  write: (event: unknown) =>
    refuses ? ({ outcome: 'refused', reason: 'the disk is full' } as const) : audit.write(event),
  flush: () => flushing.then(() => audit.flush()),
});

beforeAll(async () => {
  probe = createProbe();
  log = await captureLog();
  flushing = Promise.resolve();
  blocks = 'nothing';
  refuses = false;
  site = await startTestGateway({
    change: (defaults) => ({
      ...withProbe(defaults, probe),
      audit: restricted(defaults.audit),
      logger: log.logger,
    }),
  });
  client = new GatewayClient(site);
  cookie = await logIn(site.url, GATEWAY_KEY);
});
afterAll(() => site.stop());
beforeEach(() => {
  flushing = Promise.resolve();
  blocks = 'nothing';
  refuses = false;
});

const board = (method: string, path: string) =>
  client.send(`/board${path}`, {
    method,
    headers: { cookie, 'sec-fetch-site': 'same-origin' },
  });

describe('while events are on their way to the disk', () => {
  it('answers reads, and a change once its event is there', async () => {
    let release = (): void => undefined;
    flushing = new Promise((resolve) => {
      release = resolve;
    });
    const changes = probe.changes.length;
    let isAnswered = false;
    const change = client.probe('change', { reason: 'x' }).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await vi.waitUntil(() => probe.changes.length > changes);
    expect((await client.probe('look')).status).toBe(200);
    expect(isAnswered).toBe(false);
    release();
    expect((await change).status).toBe(200);
  });

  it('answers a change after a while although the disk hangs', async () => {
    flushing = new Promise(() => undefined);
    expect((await client.probe('change', { reason: 'x' })).status).toBe(200);
  });
});

describe('while the trail takes no events of changes', () => {
  it('refuses what changes something, saying why, and lets reads go on', async () => {
    blocks = 'changes';
    const changes = probe.changes.length;
    const [refused, events] = await client.leaving(() => client.probe('change', { reason: 'x' }));
    expect(refused.status).toBe(503);
    expect(refused.error).toMatchObject({ code: 'unavailable', blocked: 'changes' });
    expect(refused.error['message']).toContain('the disk of the audit directory is full');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(probe.changes).toHaveLength(changes);
    expect(events).toMatchObject([{ tool: 'probe', action: 'change', status: 'error' }]);
    expect((await client.probe('look')).status).toBe(200);
    const started = await client.post('/v1/tools/jobs', {
      action: 'start_task',
      task_id: 'window_digest',
    });
    expect(started.status).toBe(503);
    expect((await client.post('/v1/tools/jobs', { action: 'list_tasks' })).status).toBe(200);
    blocks = 'nothing';
    expect((await client.probe('change', { reason: 'x' })).status).toBe(200);
  });

  it('refuses changes on the board, and shows it', async () => {
    blocks = 'changes';
    expect((await board('PUT', '/api/queues/cost.window_digest/pause')).status).toBe(503);
    expect((await board('GET', '/api/queues')).status).toBe(200);
    blocks = 'nothing';
    const task = await client.post('/v1/tools/jobs', {
      action: 'get_task',
      task_id: 'window_digest',
    });
    expect(task.body['paused']).toBeNull();
  });
});

it('refuses every call while the trail takes no events at all', async () => {
  blocks = 'everything';
  const answers = [
    await client.probe('look'),
    await client.probe('change', { reason: 'x' }),
    await client.post('/v1/tools/jobs', { action: 'list_tasks' }, { 'x-agent-id': 'stranger' }),
    await client.post('/v1/tools/nothing', { action: 'x' }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
  expect((await client.get('/v1/tools')).status).toBe(200);
  expect((await client.get('/livez')).status).toBe(200);
});

it('logs the whole event when it is refused after the change', async () => {
  refuses = true;
  const changes = probe.changes.length;
  const answer = await client.probe('change', { reason: 'a reason' }, { 'x-request-id': 'lost-1' });
  expect(answer.status).toBe(200);
  expect(probe.changes).toHaveLength(changes + 1);
  const [line] = log.records().filter(({ lost_events }) => lost_events !== undefined);
  expect(line).toMatchObject({
    level: 'error',
    lost_events: 1,
    reason: 'the disk is full',
    audit_event: {
      req_id: 'lost-1',
      tool: 'probe',
      action: 'change',
      user_id: 'key:gateway',
      agent_id: 'helion',
      status: 'pass',
      input_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
  expect(JSON.stringify(line)).not.toContain('a reason');
});
