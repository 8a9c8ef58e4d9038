import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '#audit/audit-event';
import { type CommandSite, openCommandSite } from '../support/command-site.ts';
import { eventually } from '../support/runner-world.ts';
import type { SystemProcess } from '../support/system-process.ts';

const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString();

describe('the audit trail of a running system', { timeout: 120_000 }, () => {
  let site: CommandSite;
  let system: SystemProcess;
  let key: string;

  const call = (agent: string, pathname: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${system.gatewayUrl}${pathname}`, {
      ...init,
      headers: { 'x-api-key': key, 'x-agent-id': agent, 'content-type': 'application/json' },
    });

  const tail = async (...args: readonly string[]): Promise<readonly AuditEvent[]> => {
    const { code, stdout } = await site.run('audit', 'tail', '--json', ...args);
    expect(code).toBe(0);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditEvent);
  };

  beforeAll(async () => {
    site = await openCommandSite('postgres');
    site.declare({ digest: {} });
    system = await site.start('all');
    key = readFileSync(system.keyFile ?? '', 'utf8').trim();
    const cost = await call('sofiia', '/v1/finops/dashboard?window_hours=24');
    expect(cost.status).toBe(200);
    expect(await cost.json()).toMatchObject({ source_backend: 'postgres', partial: false });
    const refused = await call('monitor', '/v1/finops/dashboard?window_hours=24');
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('tools.cost.read');
    const started = await call('sofiia', '/v1/tools/execute', {
      method: 'POST',
      body: JSON.stringify({
        tool: 'jobs',
        action: 'start_task',
        params: { task_id: 'digest', inputs: { note: 'a note that is nobody’s business' } },
      }),
    });
    expect(started.status).toBe(202);
    await eventually(async () => (await tail()).length === 3);
  });
  afterAll(() => site.close());

  it('holds an event of every call, denied ones too, and nothing of what was said', async () => {
    const events = await tail();
    expect(
      events.map(({ agent_id, tool, action, status }) => [agent_id, tool, action, status]),
    ).toEqual([
      ['sofiia', 'cost_analyzer_tool', 'digest', 'pass'],
      ['monitor', 'cost_analyzer_tool', 'digest', 'denied'],
      ['sofiia', 'jobs', 'start_task', 'pass'],
    ]);
    expect(events[2]?.job_id).toMatch(/^run_/);
    expect(JSON.stringify(events)).not.toContain('business');
    expect(await tail('--agent', 'monitor')).toHaveLength(1);
    expect(await tail('-n', '1')).toEqual([events[2]]);
  });

  it('prints for people, in columns of one line an event', async () => {
    const { stdout } = await site.run('audit', 'tail', '-n', '2');
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stdout).toMatch(/denied +monitor +cost_analyzer_tool\/digest/);
  });

  it('counts by status and tool and says where it read', async () => {
    const { code, body } = await site.json<Record<string, unknown>>('audit', 'stats');
    expect(code).toBe(0);
    expect(body).toMatchObject({
      source_backend: 'postgres',
      partial: false,
      calls: 3,
      failed: 0,
      denied: 1,
      by: { status: [{ status: 'pass', calls: 2 }, { status: 'denied' }] },
    });
    const { stdout } = await site.run('audit', 'stats');
    expect(stdout).toContain('3 calls in the last 24 h, 0 failed, 1 denied; read from postgres');
  });

  it('exports JSON lines with the documented keys, or CSV, into a new file of its own', async () => {
    const { code, stdout } = await site.run('audit', 'export', '--from', YESTERDAY);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(Object.keys(JSON.parse(lines[0] ?? '') as object)).toEqual([
      ...['ts', 'req_id', 'workspace_id', 'user_id', 'agent_id', 'tool', 'action', 'status'],
      ...['duration_ms', 'in_size', 'out_size', 'input_hash'],
      ...['graph_run_id', 'graph_node', 'job_id'],
    ]);
    const args = ['audit', 'export', '--from', YESTERDAY, '--format', 'csv', '--output', 'all.csv'];
    expect((await site.run(...args)).code).toBe(0);
    const file = path.join(site.directory, 'all.csv');
    expect(readFileSync(file, 'utf8').split('\r\n')).toHaveLength(5);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = await site.run(...args);
    expect(again.code).toBe(4);
    expect(again.stderr).toContain('all.csv exists');
  });

  it.each([
    [['export'], '--from'],
    [['export', '--from', 'tomorrow'], 'Accepted: 2026-11-05'],
    [['export', '--from', YESTERDAY, '--format', 'xml'], 'Accepted: jsonl, csv'],
    [['export', '--from', '2026-11-05', '--to', '2026-11-04'], '--from must not be after --to'],
    [['stats', '--window-hours', '745'], 'from 1 to 744'],
    [['tail', '--lines', '0'], 'from 1 to 10000'],
  ])('refuses %j', async (args, message) => {
    const answer = await site.run('audit', ...args);
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain(message);
  });
});
