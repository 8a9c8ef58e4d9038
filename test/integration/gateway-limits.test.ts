import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '#audit/audit-event';
import { FAILED_AUTHENTICATIONS } from '#gateway/access/failed-authentications';
import { STRANGER_EVENTS } from '#gateway/governance/call-trail';
import { type CapturedLog, captureLog } from '#test/support/captured-log';
import { FakeClock } from '#test/support/fake-clock';
import { GatewayClient } from '#test/support/gateway-client';
import { createProbe, type Probe, withProbe } from '#test/support/probe-tool';
import { eventually } from '#test/support/runner-world';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

const CALLS = 20;
const CONCURRENCY = 2;
const TIMEOUT_MS = 30_000;
const WINDOW_MS = 60_000;

let site: TestGateway;
let client: GatewayClient;
let probe: Probe;
let log: CapturedLog;
let clock: FakeClock;

beforeAll(async () => {
  probe = createProbe();
  log = await captureLog();
  clock = new FakeClock('2026-11-24T12:00:00Z');
  site = await startTestGateway({
    change: (defaults) => ({
      ...withProbe(defaults, probe),
      clock,
      logger: log.logger,
      limits: {
        ...defaults.limits,
        tools: {
          probe: {
            rate: { calls: CALLS, per_seconds: WINDOW_MS / 1_000 },
            concurrency: CONCURRENCY,
            timeout_seconds: TIMEOUT_MS / 1_000,
            max_body_bytes: 2_048,
          },
        },
      },
    }),
  });
  client = new GatewayClient(site);
});
afterAll(() => site.stop());

const statuses = (events: readonly AuditEvent[]): readonly string[] =>
  events.map(({ status }) => status);

/** Past every window that a call of before could still count in. */
const forgetAll = () => clock.advance(600_000);

describe('the limits of a tool', () => {
  it('hold a key, whichever of its agents it names, and no other key', async () => {
    await forgetAll();
    const agents = ['helion', 'deputy'];
    const { key } = await client.createKey({ role: 'agent_oncall', agents });
    const [, events] = await client.leaving(async () => {
      for (let called = 0; called < CALLS; called += 1) {
        const agent = agents[called % agents.length] ?? '';
        const answer = await client.probe('look', {}, { 'x-api-key': key, 'x-agent-id': agent });
        expect(answer.status).toBe(200);
      }
      const refused = await client.probe('look', {}, { 'x-api-key': key });
      expect(refused.status).toBe(429);
      expect(refused.error['code']).toBe('rate_limited');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    });
    expect(statuses(events)).toEqual([...Array.from({ length: CALLS }, () => 'pass'), 'denied']);
    expect((await client.probe('look')).status).toBe(200);
    await forgetAll();
    expect((await client.probe('look', {}, { 'x-api-key': key })).status).toBe(200);
  });

  it('hold the calls under way of a key, and let it go on when one ends', async () => {
    await forgetAll();
    const begun = probe.signals.length;
    const [first, second] = [client.probe('hang'), client.probe('hang')];
    await probe.hanging(begun + CONCURRENCY);
    const [refused, events] = await client.leaving(() => client.probe('look'));
    expect(refused.status).toBe(429);
    expect(refused.error['message']).toContain('2 calls of probe are under way');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(events).toMatchObject([{ status: 'denied', action: 'look', tool: 'probe' }]);
    const { key } = await client.createKey({ role: 'agent_oncall' });
    const other = await client.post('/v1/tools/probe', { action: 'look' }, { 'x-api-key': key });
    expect(other.status).toBe(200);

    probe.release();
    expect((await first).status).toBe(200);
    expect((await client.probe('look')).status).toBe(200);
    probe.release();
    expect((await second).status).toBe(200);
  });

  it('free a place when the call fails or is refused behind them', async () => {
    await forgetAll();
    for (let called = 0; called < CONCURRENCY + 1; called += 1) {
      expect((await client.probe('fail')).status).toBe(500);
      expect((await client.probe('look', { colour: 'red' })).status).toBe(422);
    }
    expect((await client.probe('look')).status).toBe(200);
  });

  it('hold the size of a body also where the address does not name the tool', async () => {
    await forgetAll();
    const params = { text: 'x'.repeat(3_000) };
    const [answer, events] = await client.leaving(() =>
      client.post(
        '/v1/tools/execute',
        { tool: 'probe', action: 'look', params },
        { 'x-agent-id': 'helion' },
      ),
    );
    expect(answer.status).toBe(413);
    expect(answer.error['message']).toContain('2048');
    expect(events).toMatchObject([{ tool: 'probe', action: 'look', status: 'error' }]);
  });
});

describe('a call whose time is up', () => {
  it('is answered at once, told to stop, and keeps its place until it has ended', async () => {
    await forgetAll();
    const begun = probe.signals.length;
    const [, events] = await client.leaving(async () => {
      const calls = [client.probe('hang'), client.probe('hang')];
      await probe.hanging(begun + 2);
      await clock.advance(TIMEOUT_MS - 1);
      expect(probe.signals.slice(begun).some(({ aborted }) => aborted)).toBe(false);
      await clock.advance(1);
      for (const answer of await Promise.all(calls)) {
        expect(answer.status).toBe(504);
        expect(answer.error['code']).toBe('timeout');
        expect(answer.error['timeout_seconds']).toBe(30);
        expect(answer.error['message']).toContain('look before a repeat');
      }
    });
    expect(statuses(events)).toEqual(['timeout', 'timeout']);
    expect(probe.signals.slice(begun).every(({ aborted }) => aborted)).toBe(true);
    expect((await client.probe('look')).status).toBe(429);

    // One ends well, one badly; neither reaches anybody but the log.
    probe.release();
    await eventually(async () => (await client.probe('look')).status === 200);
    probe.release(new Error('stopped at last'));
    const late = await eventually(async () => {
      const found = log.records().filter(({ msg }) => String(msg).includes('told 504'));
      return found.length === 2 && found;
    });
    expect(late).toMatchObject([
      { level: 'warn', tool: 'probe', action: 'hang' },
      { level: 'info', tool: 'probe', action: 'hang', err: { message: 'stopped at last' } },
    ]);
  });
});

it('tells a call to stop, and its caller, when the gateway waits for it no longer', async () => {
  const own = createProbe();
  const ownClock = new FakeClock('2026-11-24T12:00:00Z');
  const other = await startTestGateway({
    change: (defaults) => ({ ...withProbe(defaults, own), clock: ownClock }),
  });
  const call = new GatewayClient(other).probe('hang');
  await own.hanging(1);
  const stopped = other.stop();
  await ownClock.advance(4_999);
  expect(own.signals[0]?.aborted).toBe(false);
  await ownClock.advance(1);
  const answer = await call;
  expect(answer.status).toBe(503);
  expect(answer.error['message']).toContain('the gateway stops');
  expect(own.signals[0]?.aborted).toBe(true);
  expect((await other.audit.read({})).events).toMatchObject([{ action: 'hang', status: 'error' }]);
  await ownClock.advance(500);
  await stopped;
});

describe('strangers', () => {
  const stranger = (headers: Readonly<Record<string, string>> = {}) =>
    client.send('/v1/tools/jobs', { method: 'POST', headers, body: '{}' });

  it('cannot flood the trail: so many events a minute from an address, the rest is counted', async () => {
    await forgetAll();
    const [, events] = await client.leaving(async () => {
      for (let sent = 0; sent < STRANGER_EVENTS.perAddress + 5; sent += 1)
        expect((await stranger()).status).toBe(401);
      expect((await client.probe('look')).status).toBe(200);
    });
    const anonymous = events.filter(({ user_id }) => user_id === 'anonymous');
    expect(anonymous).toHaveLength(STRANGER_EVENTS.perAddress);
    expect(events).toHaveLength(STRANGER_EVENTS.perAddress + 1);
    expect(log.records()).toContainEqual(
      expect.objectContaining({ level: 'warn', unwritten_events: 1 }),
    );
  });

  it('who guess at the gateway key have to wait; whoever has a key of their own does not', async () => {
    await forgetAll();
    const { key } = await client.createKey({ role: 'viewer' });
    const callWith = (secret: string) => stranger({ 'x-api-key': secret });
    for (let sent = 0; sent < FAILED_AUTHENTICATIONS; sent += 1)
      expect((await callWith(`a-guess-at-the-key-${sent}`)).status).toBe(401);
    const refused = await callWith('one-guess-more-at-the-key');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // The right one has to wait too, or the limit would hold nothing down.
    expect((await callWith(GATEWAY_KEY)).status).toBe(429);
    const listed = await client.post(
      '/v1/tools/jobs',
      { action: 'list_tasks' },
      { 'x-api-key': key },
    );
    expect(listed.status).toBe(200);
    await forgetAll();
    expect((await client.probe('look')).status).toBe(200);
  });

  it('who send wrong keys of our kind are told to wait, and lock nobody out', async () => {
    await forgetAll();
    const wrong = `opsl_0123456789ab_${'0'.repeat(64)}`;
    for (let sent = 0; sent < FAILED_AUTHENTICATIONS; sent += 1)
      expect((await stranger({ authorization: `Bearer ${wrong}` })).status).toBe(401);
    expect((await stranger({ authorization: `Bearer ${wrong}` })).status).toBe(429);
    expect((await client.probe('look')).status).toBe(200);
    const { key } = await client.createKey({ role: 'viewer' });
    const listed = await client.post(
      '/v1/tools/jobs',
      { action: 'list_tasks' },
      { 'x-api-key': key },
    );
    expect(listed.status).toBe(200);
  });
});
