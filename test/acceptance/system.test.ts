import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { isProcessAlive } from '#core/process-alive';
import type { RunEvent } from '#runner/run';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { dropKeys, sharedRedisUrl, testKeyPrefix } from '../support/redis.ts';
import { eventually } from '../support/runner-world.ts';
import { SystemClient } from '../support/system-client.ts';
import { runCommand, type SystemProcess, startSystemProcess } from '../support/system-process.ts';

const fixtures = path.join(packageRoot(), 'test', 'fixtures');
const KEY = 'key-of-the-acceptance-tests';

// A takeover waits for the dead worker's lock, and each start is a process of its own.
describe('the built program', { timeout: 120_000 }, () => {
  let cwd: string;
  const systems: { readonly system: SystemProcess; readonly ownsDatabase: boolean }[] = [];
  const cleanUps: (() => Promise<void>)[] = [];

  beforeEach(() => {
    cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-acceptance-'));
    // As root the embedded database runs as another user, who has to get there.
    chmodSync(cwd, 0o755);
  });
  afterEach(async () => {
    for (const { system, ownsDatabase } of systems.splice(0)) {
      // A killed owner would leave the embedded database running.
      system.signal(ownsDatabase ? 'SIGTERM' : 'SIGKILL');
      await system.ended;
    }
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    rmSync(cwd, { recursive: true, force: true });
  });

  const start = async (
    env: Readonly<Record<string, string>>,
    role: 'all' | 'gateway' | 'worker' = 'all',
  ): Promise<SystemProcess> => {
    const system = await startSystemProcess({ cwd, env: { GATEWAY_PORT: '0', ...env }, role });
    systems.push({ system, ownsDatabase: !('DATABASE_URL' in env) });
    return system;
  };

  const client = (system: SystemProcess, key = KEY): SystemClient => new SystemClient(system, key);

  const ledger = async (): Promise<TestDatabase> => {
    const database = await createTestDatabase();
    cleanUps.push(() => database.drop());
    return database;
  };

  const engineEnv = async (backend: 'redis' | 'postgres', dsn: string) => {
    const common = {
      DATABASE_URL: dsn,
      GATEWAY_API_KEY: KEY,
      OPSLOOP_REGISTRY: path.join(fixtures, 'acceptance-registry.yml'),
      OPSLOOP_JOBS_DIR: path.join(fixtures, 'jobs'),
    };
    if (backend === 'postgres') return common;
    const prefix = testKeyPrefix();
    cleanUps.push(() => dropKeys(sharedRedisUrl(), prefix));
    return { ...common, REDIS_URL: sharedRedisUrl(), QUEUE_PREFIX: prefix };
  };

  it('starts with nothing else running, makes its key, runs the digest, and stops on SIGTERM', async () => {
    const system = await start({});
    expect(system.keyFile).not.toBeNull();
    const keyFile = system.keyFile ?? '';
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const key = readFileSync(keyFile, 'utf8').trim();
    const runId = await client(system, key).start('daily_cost_digest');
    const run = await client(system, key).untilState(runId, 'succeeded');
    const reports = run['reports'] as { path: string; bytes: number }[];
    expect(reports.map((report) => path.extname(report.path)).sort()).toEqual(['.json', '.md']);
    for (const report of reports)
      expect(statSync(path.join(cwd, report.path)).size).toBe(report.bytes);
    const live = await fetch(`${system.gatewayUrl}/livez`);
    expect(live.status).toBe(200);

    const second = await runCommand(['start'], { cwd, env: { GATEWAY_PORT: '0' } });
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain(String(system.pid));

    system.signal('SIGTERM');
    expect(await system.ended).toEqual({ code: 0, signal: null });
    expect(system.log()).not.toContain(key);
  });

  it('stops when npm, which started it, is told to stop', async () => {
    const npm = spawn('npm', ['start'], {
      cwd: packageRoot(),
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        REPO_ROOT: cwd,
        GATEWAY_PORT: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    // Closed only when nobody writes any more, the system included.
    const closed = once(npm, 'close');
    await eventually(async () => output.includes('Opsloop is ready'));
    npm.kill('SIGTERM');
    await closed;
    expect(output).toContain('"msg":"stopped"');
  });

  it('starts again after its process was killed, with the database where it was', async () => {
    const first = await start({ GATEWAY_API_KEY: KEY });
    const runId = await client(first).start('daily_cost_digest');
    await client(first).untilEnded(runId);
    first.signal('SIGKILL');
    await first.ended;
    const second = await start({ GATEWAY_API_KEY: KEY });
    expect(await client(second).getRun(runId)).toMatchObject({ state: 'succeeded' });
  });

  it.each(['redis', 'postgres'] as const)(
    'on %s another worker finishes the run of one that was killed, and the ledger shows both attempts',
    async (backend) => {
      const { dsn, database } = await ledger();
      const env = await engineEnv(backend, dsn);
      const gateway = await start(env, 'gateway');
      const workers = new Map<number, SystemProcess>();
      for (const worker of await Promise.all([start(env, 'worker'), start(env, 'worker')]))
        workers.set(worker.pid, worker);
      const file = path.join(cwd, 'go');
      const runId = await client(gateway).start('held', { until_file: file });
      const holder = await eventually(async () => {
        const [row] = await database.query<{ pid: number }>(
          `SELECT w.pid FROM task_runs r JOIN workers w ON w.id = r.worker
           WHERE r.id = $1 AND r.state = 'running'`,
          [runId],
        );
        return row;
      });
      workers.get(holder.pid)?.signal('SIGKILL');
      const tookOver = await client(gateway).untilRun(
        runId,
        (run) => run['attempts'] === 2 && run['state'] === 'running',
      );
      expect(tookOver['crashes']).toBe(1);
      writeFileSync(file, '');
      expect(await client(gateway).untilEnded(runId)).toMatchObject({
        state: 'succeeded',
        attempts: 2,
      });
      const events = await database.query<RunEvent>(
        'SELECT state, attempt FROM task_run_events WHERE run_id = $1 ORDER BY id',
        [runId],
      );
      expect(events.map(({ state, attempt }) => `${state} ${attempt}`)).toEqual([
        'queued 0',
        'running 1',
        'running 2',
        'succeeded 2',
      ]);
    },
  );

  it.each(['redis', 'postgres'] as const)(
    'on %s SIGTERM lets a run end that ends within the grace, and puts back one that does not',
    async (backend) => {
      const { dsn } = await ledger();
      const env = { ...(await engineEnv(backend, dsn)), SHUTDOWN_GRACE_SECONDS: '2' };
      const first = await start(env);
      const file = path.join(cwd, 'go');
      const runId = await client(first).start('held', { until_file: file });
      await client(first).untilState(runId, 'running');
      first.signal('SIGTERM');
      expect(await first.ended).toEqual({ code: 0, signal: null });

      const second = await start(env);
      expect(await client(second).untilState(runId, 'running')).toMatchObject({
        attempts: 1,
        crashes: 0,
      });
      second.signal('SIGTERM');
      writeFileSync(file, '');
      expect(await second.ended).toEqual({ code: 0, signal: null });
      const third = await start(env, 'gateway');
      expect(await client(third).getRun(runId)).toMatchObject({
        state: 'succeeded',
        attempts: 1,
        crashes: 0,
      });
    },
  );

  it('kills an isolated job that ignores its timeout, and goes on', async () => {
    const { dsn } = await ledger();
    const system = await start(await engineEnv('postgres', dsn));
    const runId = await client(system).start('stubborn');
    expect(await client(system).untilEnded(runId)).toMatchObject({
      state: 'timed_out',
      error: { class: 'timeout' },
    });
    const log = await fetch(`${system.gatewayUrl}/v1/runs/${runId}/log`, {
      headers: { 'X-API-Key': KEY },
    });
    const text = await log.text();
    expect(text).toContain('not listening');
    expect(text).toContain('ignored its signal');
  });

  it('does not leave an isolated job behind when it is killed', async () => {
    const { dsn } = await ledger();
    const system = await start(await engineEnv('postgres', dsn));
    const runId = await client(system).start('patient');
    const log = () =>
      fetch(`${system.gatewayUrl}/v1/runs/${runId}/log`, { headers: { 'X-API-Key': KEY } });
    await eventually(async () => (await (await log()).text()).includes('not listening'));
    const { stdout } = spawnSync('pgrep', ['-P', String(system.pid)]);
    const children = stdout.toString().split('\n').filter(Boolean).map(Number);
    expect(children).toHaveLength(1);
    system.signal('SIGKILL');
    await eventually(async () => !children.some(isProcessAlive));
  });

  it('runs a task from the command line without a system, with typed inputs and the same bytes twice', async () => {
    const { dsn } = await ledger();
    const audit = path.join(cwd, 'audit');
    mkdirSync(audit);
    const lines = Array.from({ length: 50 }, (_, n) =>
      JSON.stringify({
        ts: `2024-02-29T08:${String(n).padStart(2, '0')}:00.000Z`,
        req_id: `r-${n}`,
        workspace_id: 'ws',
        user_id: `u-${n % 3}`,
        agent_id: 'sofiia',
        tool: n % 2 === 0 ? 'llm_chat' : 'jobs',
        action: 'call',
        status: n % 10 === 0 ? 'error' : 'pass',
        duration_ms: n,
        in_size: 1,
        out_size: 1,
        input_hash: 'x',
      }),
    );
    writeFileSync(path.join(audit, 'tool_audit_2024-02-29.jsonl'), `${lines.join('\n')}\n`);
    const env = { DATABASE_URL: dsn, AUDIT_BACKEND: 'jsonl', AUDIT_JSONL_DIR: audit };
    const args = ['run', 'daily_cost_digest', '--scheduled-for', '2024-02-29T09:00:00Z', '--wait'];
    const first = await runCommand(args, { cwd, env });
    expect(first).toMatchObject({ code: 0 });
    const file = path.join(cwd, 'ops', 'reports', 'cost', '2024-02-29.json');
    const json = readFileSync(file);
    const report = JSON.parse(json.toString()) as { totals: { calls: number; failed: number } };
    expect(report.totals).toMatchObject({ calls: 50, failed: 5 });
    expect(await runCommand(args, { cwd, env })).toMatchObject({ code: 0 });
    expect(readFileSync(file).equals(json)).toBe(true);

    const wrong = await runCommand([...args, '--input', 'window_hours=many'], { cwd, env });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('window_hours');
    const unknown = await runCommand(['run', 'daily_cost_digst'], { cwd, env });
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('daily_cost_digest');
  });

  it('waits for an engine that is away and says what is missing', async () => {
    const env = {
      DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:9/none',
      GATEWAY_API_KEY: KEY,
      GATEWAY_PORT: '18474',
    };
    const stop = new AbortController();
    const starting = runCommand(['start'], { cwd, env, stop: stop.signal });
    const answer = await eventually(async () => {
      const response = await fetch('http://127.0.0.1:18474/readyz').catch(() => null);
      return response?.status === 503 ? response : null;
    });
    expect(await answer.text()).toContain('PostgreSQL is not available');
    const elsewhere = await fetch('http://127.0.0.1:18474/v1/tools/jobs', { method: 'POST' });
    expect(elsewhere.status).toBe(503);
    expect(elsewhere.headers.get('retry-after')).not.toBeNull();
    stop.abort();
    const { stderr } = await starting;
    expect(stderr).toContain('PostgreSQL is not available');
    expect(stderr).not.toContain('nothing@');
  });
});
