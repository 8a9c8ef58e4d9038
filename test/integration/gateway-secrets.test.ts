import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '#core/json';
import { type CapturedLog, captureLog } from '#test/support/captured-log';
import { GatewayClient } from '#test/support/gateway-client';
import { CARELESS_MESSAGE, createProbe, type Probe, withProbe } from '#test/support/probe-tool';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;
let client: GatewayClient;
let probe: Probe;
let log: CapturedLog;

beforeAll(async () => {
  probe = createProbe();
  log = await captureLog();
  site = await startTestGateway({
    change: (defaults) => ({ ...withProbe(defaults, probe), logger: log.logger }),
  });
  client = new GatewayClient(site);
});
afterAll(() => site.stop());

const sha256 = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex');

describe('secrets', () => {
  const secrets = {
    dsn: 'postgres://ops:hunter2@db.internal/x',
    key: `opsl_0123456789ab_${'ab'.repeat(32)}`,
    password: 'correct-horse',
    asName: `opsl_0123456789ab_${'cd'.repeat(32)}`,
  };
  const traces = ['hunter2', 'abababab', 'correct-horse', 'cdcdcdcd'];

  it('are masked before an action could store them', async () => {
    await client.probe('change', { reason: `moved to ${secrets.dsn} with ${secrets.key}` });
    expect(probe.changes.at(-1)).toEqual({
      reason: 'moved to postgres://[redacted]@db.internal/x with opsl_0123456789ab_[redacted]',
    });
    const paused = await client.post('/v1/tools/jobs', {
      action: 'pause_task',
      params: { task_id: 'shared_one', reason: `password=${secrets.password}` },
    });
    expect(paused.body['paused']).toMatchObject({ reason: 'password=[redacted]' });
    const rows = await site.database.database.query('SELECT * FROM task_pauses');
    expect(JSON.stringify(rows)).not.toContain(secrets.password);
    await client.post('/v1/tools/jobs', { action: 'resume_task', task_id: 'shared_one' });
  });

  it('do not make a hash by which they could be guessed', async () => {
    const [, events] = await client.leaving(async () => {
      await client.probe('change', { reason: 'password=one' });
      await client.probe('change', { reason: 'password=two' });
    });
    expect(events[0]?.input_hash).toBe(sha256({ reason: 'password=[redacted]' }));
    expect(events[1]?.input_hash).toBe(events[0]?.input_hash);
  });

  it('are no names of requests, agents, workspaces or graphs', async () => {
    const [, events] = await client.leaving(async () => {
      for (const header of ['x-agent-id', 'x-workspace-id', 'x-graph-run-id', 'x-graph-node'])
        expect((await client.probe('look', {}, { [header]: secrets.key })).status).toBe(400);
      const token = ['ghp', 'abcdefghijklmnopqrstuvwxyz0123456789'].join('_');
      const answer = await client.probe('look', {}, { 'x-request-id': token });
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    });
    expect(events).toHaveLength(5);
    for (const trace of [...traces, 'abcdefghijklmnop'])
      expect(JSON.stringify(events)).not.toContain(trace);
  });

  it('are in no event, no answer to a refusal and no line of the log', async () => {
    const [answers, events] = await client.leaving(async () => [
      await client.probe('look', { [secrets.asName]: 1, password: secrets.password }),
      await client.post('/v1/tools/probe', {
        action: secrets.key,
        params: {},
        [secrets.asName]: 1,
      }),
      await client.post('/v1/tools/execute', { tool: secrets.key, action: secrets.key }),
      await client.post(`/v1/tools/${secrets.key}`, { action: 'x', text: secrets.dsn }),
      await client.get(`/v1/tools?key=${secrets.key}`),
      await client.probe('fail'),
      await client.post('/v1/tools/jobs', {
        action: 'start_task',
        params: { task_id: secrets.key, inputs: { [secrets.asName]: secrets.password } },
      }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([422, 422, 404, 404, 200, 500, 404]);
    for (const where of [answers.map(({ text }) => text).join(), JSON.stringify(events)])
      for (const trace of traces) expect(where).not.toContain(trace);
    for (const trace of [...traces, GATEWAY_KEY]) expect(log.text()).not.toContain(trace);
    // The log is read well enough to find one: the failure itself is in it.
    expect(log.text()).toContain(CARELESS_MESSAGE.slice(0, 14));
  });
});
