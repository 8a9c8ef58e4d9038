import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '#runner/run';
import { GATEWAY_KEY, logIn, startTestGateway, type TestGateway } from '#test/support/test-gateway';

const ADMIN = { id: 'test', entitlements: new Set(['*']), isAdmin: true };

describe.each(['postgres', 'redis'] as const)('the board on %s', (backend) => {
  let site: TestGateway;
  let cookie: string;
  let viewerCookie: string;

  beforeAll(async () => {
    site = await startTestGateway({ backend, withWorker: true });
    cookie = await logIn(site.url, GATEWAY_KEY);
    const { key } = await site.keys.create({
      name: 'viewer',
      role: 'viewer',
      agents: [],
      workspaces: [],
      createdBy: 'test',
      expiresAt: null,
    });
    viewerCookie = await logIn(site.url, key);
  });
  afterAll(() => site.stop());

  const ask = (
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly cookie?: string } = {},
  ) =>
    fetch(`${site.url}/board${path}`, {
      method,
      redirect: 'manual',
      headers: {
        cookie: options.cookie ?? cookie,
        'sec-fetch-site': 'same-origin',
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });

  const add = (queue: string, data: unknown, as = cookie, name = '__default__') =>
    ask('POST', `/api/queues/${queue}/add`, { body: { name, data, options: {} }, cookie: as });

  const addedRun = async (answer: Response): Promise<string> => {
    expect(answer.status).toBe(200);
    const { job } = (await answer.json()) as { job: { id: string } };
    return job.id;
  };

  const latestRuns = (): Promise<readonly Run[]> => site.runs.list(ADMIN, { limit: 50 });

  it('shows every queue with title, schedule in words and group', async () => {
    const answer = await ask('GET', '/api/queues');
    const { queues } = (await answer.json()) as { queues: Record<string, unknown>[] };
    expect(queues.map(({ name }) => name).sort()).toEqual([
      'audit.always_fails',
      'audit.guarded_sweep',
      'cost.window_digest',
      'platform.shared-work',
    ]);
    const digest = queues.find(({ name }) => name === 'cost.window_digest');
    expect(digest).toMatchObject({ displayName: 'Window digest', delimiter: '.' });
    expect(String(digest?.['description'])).toContain('At 09:00');
  });

  it('hides queues whose runs one may not read', async () => {
    const { key } = await site.keys.create({
      name: 'watcher',
      role: 'agent_monitor',
      agents: [],
      workspaces: [],
      createdBy: 'test',
      expiresAt: null,
    });
    const answer = await ask('GET', '/api/queues', { cookie: await logIn(site.url, key) });
    const { queues } = (await answer.json()) as { queues: { name: string }[] };
    expect(queues.map(({ name }) => name)).not.toContain('audit.guarded_sweep');
    expect(queues).toHaveLength(3);
  });

  it('makes the form of the inputs, with dry_run', async () => {
    const answer = await ask('GET', '/api/queues/cost.window_digest/job-data-schema');
    expect(await answer.json()).toMatchObject({
      default: { window_hours: 24, dry_run: false },
      properties: {
        window_hours: { type: 'integer', maximum: 744 },
        dry_run: { type: 'boolean' },
        scheduled_for: { type: 'string' },
      },
    });
  });

  it('adds a job as a run of the person who is logged in', async () => {
    const runId = await addedRun(
      await add('cost.window_digest', { window_hours: 5, dry_run: true, scheduled_for: '' }),
    );
    const run = await site.ended(runId);
    expect(run).toMatchObject({
      trigger: 'board',
      actor: 'board:gateway',
      dryRun: true,
      inputs: { window_hours: 5 },
      state: 'succeeded',
    });
    const page = await ask('GET', `/api/queues/cost.window_digest/${runId}`);
    expect(await page.json()).toMatchObject({
      job: {
        data: { run_id: runId },
        externalUrl: { href: `/v1/runs/${runId}` },
      },
    });
  });

  it('knows a queue by its own name too', async () => {
    const runId = await addedRun(await add('window_digest', { window_hours: 6 }));
    expect(await site.ended(runId)).toMatchObject({ inputs: { window_hours: 6 } });
    const page = await ask('GET', `/api/queues/window_digest/${runId}`);
    expect(page.status).toBe(200);
  });

  it('refuses bad data, unknown names and job options with a reason, and adds nothing', async () => {
    const before = (await latestRuns()).length;
    const jobsBefore = await site.engine.countJobs('shared-work');
    const refused = await add('cost.window_digest', { window_hours: 0, colour: 'red' });
    expect(refused.status).toBe(422);
    const text = (await refused.json()) as { error: string; message: string };
    expect(text.message).toContain('window_hours must be >= 1');
    expect(text.message).toContain('colour is not a known key');
    expect((await add('cost.window_digest', {}, cookie, 'other_task')).status).toBe(422);
    expect((await add('cost.window_digest', [])).status).toBe(422);
    expect((await add('platform.shared-work', {})).status).toBe(422);
    expect((await add('audit.guarded_sweep', {})).status).toBe(409);
    const withOptions = await ask('POST', '/api/queues/cost.window_digest/add', {
      body: { name: 'window_digest', data: {}, options: { delay: 60_000 } },
    });
    expect(withOptions.status).toBe(422);
    expect((await add('cost.nowhere', {})).status).toBe(404);
    expect(await latestRuns()).toHaveLength(before);
    expect(await site.engine.countJobs('shared-work')).toEqual(jobsBefore);
  });

  it('takes the task of a shared queue from the job name', async () => {
    const runId = await addedRun(await add('platform.shared-work', {}, cookie, 'shared_two'));
    expect((await site.ended(runId)).taskId).toBe('shared_two');
  });

  it('retries a failed job as a further run, linked to the first', async () => {
    const runId = await addedRun(await add('audit.always_fails', {}));
    expect((await site.ended(runId)).state).toBe('failed');
    const answer = await ask('PUT', `/api/queues/audit.always_fails/${runId}/retry`);
    expect(answer.status).toBe(204);
    const [newest] = await site.runs.list(ADMIN, { limit: 1 });
    expect(newest).toMatchObject({ retryOf: runId, trigger: 'retry', actor: 'board:gateway' });
    expect((await site.ended(String(newest?.id))).state).toBe('failed');
    expect((await ask('PUT', '/api/queues/audit.always_fails/nothing/retry')).status).toBe(409);
  });

  it('pauses and resumes the task in the ledger, saying who', async () => {
    expect((await ask('PUT', '/api/queues/cost.window_digest/pause')).status).toBe(200);
    const paused = await site.runs.getTask(ADMIN, 'window_digest');
    expect(paused.pause?.by).toBe('board:gateway');
    const { queues } = (await (await ask('GET', '/api/queues')).json()) as {
      queues: { name: string; isPaused: boolean }[];
    };
    expect(queues.find(({ name }) => name === 'cost.window_digest')?.isPaused).toBe(true);
    expect((await add('cost.window_digest', {})).status).toBe(409);
    expect((await ask('PUT', '/api/queues/cost.window_digest/resume')).status).toBe(200);
    expect((await site.runs.getTask(ADMIN, 'window_digest')).pause).toBeNull();
  });

  it('lets a viewer look and change nothing', async () => {
    expect((await ask('GET', '/api/queues', { cookie: viewerCookie })).status).toBe(200);
    expect((await add('cost.window_digest', {}, viewerCookie)).status).toBe(403);
    for (const path of [
      '/api/queues/cost.window_digest/pause',
      '/api/queues/cost.window_digest/resume',
      '/api/queues/pause',
    ])
      expect((await ask('PUT', path, { cookie: viewerCookie })).status).toBe(403);
    expect((await site.runs.getTask(ADMIN, 'window_digest')).pause).toBeNull();
  });

  // Every change that Bull Board knows but the five that are passed on.
  const REFUSED: readonly (readonly [string, string])[] = [
    ['PUT', '/api/queues/cost.window_digest/retry/failed'],
    ['PUT', '/api/queues/cost.window_digest/promote'],
    ['PUT', '/api/queues/cost.window_digest/clean/completed'],
    ['PUT', '/api/queues/cost.window_digest/concurrency'],
    ['PUT', '/api/queues/cost.window_digest/rate-limit'],
    ['PUT', '/api/queues/cost.window_digest/rate-limit/release'],
    ['PUT', '/api/queues/cost.window_digest/empty'],
    ['PUT', '/api/queues/cost.window_digest/obliterate'],
    ['PUT', '/api/queues/cost.window_digest/job-schedulers/s/remove'],
    ['PATCH', '/api/queues/cost.window_digest/job-schedulers/s'],
    ['PUT', '/api/queues/cost.window_digest/job-schedulers/s/run'],
    ['PUT', '/api/queues/cost.window_digest/j/clean'],
    ['PUT', '/api/queues/cost.window_digest/j/promote'],
    ['PATCH', '/api/queues/cost.window_digest/j/update-data'],
    ['PATCH', '/api/queues/cost.window_digest/j/delay'],
    ['PATCH', '/api/queues/cost.window_digest/j/priority'],
    ['PUT', '/api/queues/cost.window_digest/j/remove-unprocessed-children'],
  ];
  it.each(REFUSED)('refuses %s %s even to an admin', async (method, path) => {
    const answer = await ask(method, path, { body: {} });
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('Not on the board');
  });

  it('adds nothing for a forged request from another site', async () => {
    const before = (await latestRuns()).length;
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
      { 'content-type': 'application/json', origin: 'http://evil.example' },
    ]) {
      const answer = await fetch(`${site.url}/board/api/queues/cost.window_digest/add`, {
        method: 'POST',
        headers: { cookie, ...headers },
        body: '{"name":"window_digest","data":{}}',
      });
      expect(answer.status).toBe(403);
    }
    const empty = await fetch(`${site.url}/board/api/queues/cost.window_digest/add`, {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
    });
    expect(empty.status).toBeGreaterThanOrEqual(400);
    expect(empty.status).toBeLessThan(500);
    expect(await latestRuns()).toHaveLength(before);
  });

  it('sends people to the login and scripts a 401', async () => {
    const page = await fetch(`${site.url}/board/queue/cost.window_digest`, {
      redirect: 'manual',
      headers: { accept: 'text/html' },
    });
    expect(page.status).toBe(303);
    expect(page.headers.get('location')).toBe('/login?next=%2Fboard%2Fqueue%2Fcost.window_digest');
    expect((await fetch(`${site.url}/board/api/queues`)).status).toBe(401);
    const byKey = await fetch(`${site.url}/board/api/queues`, {
      headers: { 'x-api-key': GATEWAY_KEY },
    });
    expect(byKey.status).toBe(200);
  });

  it('serves its page under a policy that runs nothing but our files', async () => {
    const answer = await ask('GET', '');
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    const page = await answer.text();
    expect(page).not.toContain('googleapis');
    expect(page).toContain('opsloop-board.css');
  });
});
