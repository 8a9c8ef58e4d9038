import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

let site: TestGateway;

beforeAll(async () => {
  site = await startTestGateway();
});
afterAll(() => site.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly error: Record<string, unknown>;
}

const send = async (
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
  path = '/v1/tools/jobs',
): Promise<Answer> => {
  const answer = await fetch(`${site.url}${path}`, {
    method: 'POST',
    headers: { 'x-api-key': GATEWAY_KEY, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const json = (await answer.json()) as Record<string, unknown>;
  return {
    status: answer.status,
    headers: answer.headers,
    body: json,
    error: (json['error'] ?? {}) as Record<string, unknown>,
  };
};

const start = (params: object, headers = {}) => send({ action: 'start_task', params }, headers);

describe('start_task', () => {
  it('answers 202 with the run, its status and its page on the board', async () => {
    const { status, body } = await start({ task_id: 'window_digest', inputs: {} });
    expect(status).toBe(202);
    expect(body).toEqual({
      run_id: expect.stringMatching(/^run_/),
      task_id: 'window_digest',
      status: 'queued',
      dry_run: false,
      board_url: `${site.url}/board/queue/cost.window_digest/${String(body['run_id'])}`,
      status_url: `${site.url}/v1/runs/${String(body['run_id'])}`,
    });
  });

  it('reads JSON that curl sends as a form, and JSON without a type', async () => {
    const text = JSON.stringify({ action: 'start_task', params: { task_id: 'window_digest' } });
    const form = await send(text, { 'content-type': 'application/x-www-form-urlencoded' });
    expect(form.status).toBe(202);
    const bare = await fetch(`${site.url}/v1/tools/jobs`, {
      method: 'POST',
      headers: { 'x-api-key': GATEWAY_KEY },
      body: new Blob([text]),
    });
    expect(bare.status).toBe(202);
  });

  it('takes the flat form and the alias', async () => {
    const answer = await send(
      { action: 'start_task', task_id: 'window_digest', dry_run: true },
      {},
      '/v1/tools/job_orchestrator_tool',
    );
    expect(answer.status).toBe(202);
    expect(answer.body['dry_run']).toBe(true);
  });

  it('lists every violation by its path in the body', async () => {
    const { status, error } = await start({
      task_id: 'window_digest',
      inputs: { window_hours: 0, hours: 3 },
      scheduled_for: 'yesterday',
    });
    expect(status).toBe(422);
    expect(error['code']).toBe('invalid_input');
    const paths = (error['violations'] as { path: string }[]).map(({ path }) => path).sort();
    expect(paths).toEqual([
      '$.params.inputs.hours',
      '$.params.inputs.window_hours',
      '$.params.scheduled_for',
    ]);
  });

  it('names the nearest tasks for an unknown one', async () => {
    const { status, error } = await start({ task_id: 'window_digset' });
    expect(status).toBe(404);
    expect(error['did_you_mean']).toEqual(['window_digest']);
  });

  it('answers the first run for a repeated Idempotency-Key, and 409 for other inputs', async () => {
    const headers = { 'idempotency-key': 'nightly-7' };
    const first = await start({ task_id: 'window_digest' }, headers);
    const second = await start({ task_id: 'window_digest' }, headers);
    expect(second.body['run_id']).toBe(first.body['run_id']);
    const other = await start({ task_id: 'window_digest', inputs: { window_hours: 2 } }, headers);
    expect(other.status).toBe(409);
    expect(other.error['code']).toBe('idempotency_conflict');
  });

  it('names the missing entitlement', async () => {
    const { key } = await site.keys.create({
      name: 'watcher',
      role: 'agent_monitor',
      agents: [],
      workspaces: [],
      createdBy: 'test',
      expiresAt: null,
    });
    const { status, error } = await start({ task_id: 'window_digest' }, { 'x-api-key': key });
    expect(status).toBe(403);
    expect(error['missing_entitlements']).toEqual(['tools.jobs.start']);
  });
});

describe('the other actions', () => {
  it('answers the record of a run in snake_case', async () => {
    const { body } = await start({ task_id: 'window_digest' });
    const viaTool = await send({ action: 'get_run', run_id: body['run_id'] });
    expect(viaTool.body).toMatchObject({
      run_id: body['run_id'],
      state: 'queued',
      trigger: 'gateway',
      actor: 'key:gateway',
      inputs: { window_hours: 24 },
      reports: [],
      effects: null,
      would_fail: false,
      would_fail_reason: null,
    });
    const viaUrl = await fetch(String(body['status_url']), {
      headers: { authorization: `Bearer ${GATEWAY_KEY}` },
    });
    expect(await viaUrl.json()).toEqual(viaTool.body);
    const log = await fetch(`${String(body['status_url'])}/log?after=0`, {
      headers: { 'x-api-key': GATEWAY_KEY },
    });
    expect(await log.json()).toEqual({ lines: [], next_after: 0 });
  });

  it('lists, pauses, resumes, cancels and retries', async () => {
    const { body: started } = await start({ task_id: 'window_digest' });
    const listed = await send({ action: 'list_runs', params: { states: ['queued'], limit: 1 } });
    expect(listed.body['runs']).toHaveLength(1);
    expect(listed.body['next_before']).toBe(started['run_id']);

    const cancelled = await send({ action: 'cancel_run', run_id: started['run_id'] });
    expect(cancelled.body['state']).toBe('cancelled');
    expect((await send({ action: 'cancel_run', run_id: started['run_id'] })).status).toBe(409);
    const retried = await send({ action: 'retry_run', run_id: started['run_id'] });
    expect(retried.status).toBe(202);
    const again = await send({ action: 'get_run', run_id: retried.body['run_id'] });
    expect(again.body['retry_of']).toBe(started['run_id']);

    const paused = await send({
      action: 'pause_task',
      params: { task_id: 'shared_one', reason: 'being mended' },
    });
    expect(paused.body['paused']).toMatchObject({ by: 'key:gateway', reason: 'being mended' });
    expect((await start({ task_id: 'shared_one' })).status).toBe(409);
    const resumed = await send({ action: 'resume_task', params: { task_id: 'shared_one' } });
    expect(resumed.body['paused']).toBeNull();

    const tasks = await send({ action: 'list_tasks' });
    expect(tasks.body['tasks']).toHaveLength(5);
  });

  it('names the actions for an unknown one and the tools for an unknown one', async () => {
    const action = await send({ action: 'start_tsk' });
    expect(action.status).toBe(422);
    expect(action.error['did_you_mean']).toEqual(['start_task']);
    const tool = await send({ action: 'x' }, {}, '/v1/tools/job');
    expect(tool.status).toBe(404);
    expect(tool.error['tools']).toEqual(['jobs']);
  });

  it('answers 404 for run ids that are none', async () => {
    for (const id of ['nope', 'run_01J8Z6Q4T0V5W9X2Y3A7B8C9D0', '%00'])
      expect(
        (await fetch(`${site.url}/v1/runs/${id}`, { headers: { 'x-api-key': GATEWAY_KEY } }))
          .status,
      ).toBe(404);
  });
});

describe('errors', () => {
  it('has one shape for every refusal, with the id of the request', async () => {
    const ask = async (path: string, init: RequestInit) => {
      const answer = await fetch(`${site.url}${path}`, {
        ...init,
        headers: { 'x-request-id': 'my-id.1', ...init.headers },
      });
      const { error } = (await answer.json()) as { error: Record<string, unknown> };
      expect(answer.headers.get('x-request-id')).toBe('my-id.1');
      expect(error['request_id']).toBe('my-id.1');
      return [answer.status, error['code'], answer.headers] as const;
    };
    const key = { 'x-api-key': GATEWAY_KEY };
    const post = { method: 'POST', headers: { ...key, 'content-type': 'application/xml' } };
    const refusal = async (path: string, init: RequestInit) => (await ask(path, init)).slice(0, 2);
    expect(await refusal('/nowhere', {})).toEqual([404, 'not_found']);
    const [status, code, headers] = await ask('/v1/tools/jobs', { method: 'GET', headers: key });
    expect([status, code, headers.get('allow')]).toEqual([405, 'method_not_allowed', 'POST']);
    expect(await refusal('/v1/tools/jobs', { ...post, body: '{' })).toEqual([
      415,
      'unsupported_media_type',
    ]);
    expect(
      await refusal('/v1/tools/jobs', {
        method: 'POST',
        headers: { ...key, 'content-type': 'application/json' },
        body: '{',
      }),
    ).toEqual([400, 'invalid_request']);
    expect(
      await refusal('/v1/tools/jobs', {
        method: 'POST',
        headers: { ...key, 'content-type': 'application/json' },
        body: JSON.stringify({ action: 'x'.repeat(300_000) }),
      }),
    ).toEqual([413, 'payload_too_large']);
    expect(await refusal('/v1/tools/jobs', { method: 'POST' })).toEqual([401, 'unauthenticated']);
  });

  it('never repeats what was sent', async () => {
    const { body } = await send(`{"password":"hunter2-${'x'.repeat(8)}`);
    expect(JSON.stringify(body)).not.toContain('hunter2');
    const answer = await start({ task_id: 'window_digest', inputs: { window_hours: 'hunter2' } });
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });

  it('refuses what is nested too deep or holds a NUL', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect((await send(deep)).status).toBe(400);
    expect((await send('{"action":"start_task","params":{"task_id":"a\\u0000b"}}')).status).toBe(
      422,
    );
    expect((await send('{"action":"list_tasks","__proto__":{"x":1}}')).status).toBe(400);
  });

  it('limits calls by caller, and says when to come again', async () => {
    const limited = await startTestGateway({
      change: (defaults) => ({
        ...defaults,
        limits: {
          version: 1,
          defaults: { ...defaults.limits.defaults, rate: { calls: 2, per_seconds: 60 } },
          tools: {},
        },
      }),
    });
    try {
      const call = () =>
        fetch(`${limited.url}/v1/tools/jobs`, {
          method: 'POST',
          headers: { 'x-api-key': GATEWAY_KEY, 'content-type': 'application/json' },
          body: '{"action":"list_tasks"}',
        });
      expect((await call()).status).toBe(200);
      expect((await call()).status).toBe(200);
      const third = await call();
      expect(third.status).toBe(429);
      expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await limited.stop();
    }
  });
});

describe('health and description', () => {
  it('is alive and ready without a key', async () => {
    expect((await fetch(`${site.url}/livez`)).status).toBe(200);
    for (const path of ['/readyz', '/healthz']) {
      const answer = await fetch(`${site.url}${path}`);
      expect(await answer.json()).toEqual({
        status: 'ready',
        checks: [{ name: 'database', ok: true, detail: 'answers' }],
      });
    }
  });

  it('describes every tool in /openapi.json', async () => {
    const answer = await fetch(`${site.url}/openapi.json`, {
      headers: { 'x-api-key': GATEWAY_KEY },
    });
    const document = (await answer.json()) as { paths: Record<string, unknown> };
    expect(Object.keys(document.paths).sort()).toEqual([
      '/healthz',
      '/livez',
      '/readyz',
      '/v1/runs/{id}',
      '/v1/runs/{id}/log',
      '/v1/tools',
      '/v1/tools/execute',
      '/v1/tools/job_orchestrator_tool',
      '/v1/tools/jobs',
    ]);
  });
});
