import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryAuditStore } from '#audit/backends/memory-audit-store';
import { DATA_GOVERNANCE_POLICY } from '#config/data-governance-policy';
import { loadPolicy } from '#config/policy-files';
import { packageRoot } from '#core/package-root';
import { RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import type { RetentionFacts } from '#privacy/retention/store-ages';
import { auditEvent } from '#test/support/audit-events';
import { FakeClock } from '#test/support/fake-clock';
import { PLANTED } from '#test/support/planted-secrets';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';
import { createDataGovernanceTool } from './data-governance-tool.ts';

const NOW = new Date('2026-11-12T09:00:30.500Z');
const POLICY =
  'version: 1\nretention: { audit_jsonl_days: 30, audit_postgres_days: 90, audit_parquet_days: 400 }\n';
const FACTS: RetentionFacts = {
  ages: [
    {
      store: 'audit_jsonl',
      oldestAt: new Date('2026-09-01T00:00:00Z'),
      records: 72,
      isOurs: true,
      fault: null,
    },
  ],
  tasks: null,
  keepRunsDays: null,
};

let site: TestGateway;
let root: string;
const policyFile = (): string => path.join(root, 'policy', 'data_governance_policy.yml');

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'opsloop-privacy-tool-'));
  await mkdir(path.join(root, 'repo', 'src'), { recursive: true });
  await mkdir(path.join(root, 'policy'));
  await writeFile(policyFile(), POLICY);
  for (const [index, { line }] of PLANTED.entries())
    await writeFile(path.join(root, 'repo', 'src', `f${index}.ts`), `${line}\n`);
  const dir = path.join(packageRoot(), 'config');
  const matrix = await loadPolicy({ dir, name: 'rbac_tools_matrix', schema: RBAC_MATRIX_SCHEMA });
  const events = createMemoryAuditStore();
  for (const [index, { line }] of PLANTED.entries())
    events.write(auditEvent({ ts: `2026-11-12T08:00:${10 + index}Z`, job_id: line.slice(0, 500) }));
  site = await startTestGateway({
    change: (defaults) => ({
      ...defaults,
      matrix: {
        ...defaults.matrix,
        tools: {
          ...defaults.matrix.tools,
          ...Object.fromEntries(
            Object.entries(matrix.tools).filter(([name]) => name === 'data_governance_tool'),
          ),
        },
      },
      tools: [
        ...defaults.tools,
        createDataGovernanceTool({
          repoRoot: path.join(root, 'repo'),
          events,
          retention: { look: async () => FACTS },
          findings: {
            list: async () => [],
            record: () => Promise.reject(new Error('the tool remembers nothing')),
          },
          loadPolicy: () =>
            loadPolicy({
              dir: path.join(root, 'policy'),
              name: 'data_governance_policy',
              schema: DATA_GOVERNANCE_POLICY,
            }),
          clock: new FakeClock(NOW.toISOString()),
        }),
      ],
    }),
  });
});
afterAll(async () => {
  await site?.stop();
  await rm(root, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

const send = async (address: string, init: RequestInit, agent: string): Promise<Answer> => {
  const response = await fetch(`${site.url}${address}`, {
    ...init,
    headers: { 'x-api-key': GATEWAY_KEY, 'x-agent-id': agent, 'content-type': 'application/json' },
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> };
};

const call = (action: string, params: object = {}, agent = 'sofiia'): Promise<Answer> =>
  send(
    '/v1/tools/data_governance_tool',
    { method: 'POST', body: JSON.stringify({ action, params }) },
    agent,
  );

describe('data_governance_tool', () => {
  it('scans the repository and says how far it got', async () => {
    const { status, body } = await call('scan_repo', { max_files: 5, focus: ['pii', 'secrets'] });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      mode: 'fast',
      files_listed: PLANTED.length,
      files_scanned: 5,
      truncated: true,
      truncated_by: 'max_files',
    });
  });

  it('gives nothing away of what it found, whatever it is asked', async () => {
    const answers = [
      await call('scan_repo', { mode: 'full', max_files: 1_000 }),
      await call('scan_audit', { window_hours: 2 }),
      await call('gate', { mode: 'full' }),
      await call('digest'),
      await send('/v1/privacy/dashboard?window_hours=24', {}, 'sofiia'),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      for (const { secret } of PLANTED) expect(text).not.toContain(secret);
    }
    const [repo, audit, gate, digest, dashboard] = answers.map(({ body }) => body);
    expect(repo).toMatchObject({ findings_shown: PLANTED.length, truncated: false });
    expect(audit).toMatchObject({
      source_backend: 'memory',
      partial: false,
      events: PLANTED.length,
    });
    expect(gate).toMatchObject({ gate: 'privacy', mode: 'strict', pass: false });
    expect(digest).toMatchObject({
      source_backend: 'memory',
      time_range: { from: '2026-11-11T09:00:00.000Z', to: '2026-11-12T09:00:00.000Z' },
      retention: [{ store: 'audit_jsonl', state: 'overdue' }],
    });
    expect(dashboard).toEqual(digest);
  });

  it.each([
    ['scan_repo', { paths_include: ['../etc'] }, '$.params.paths_include[0]'],
    ['scan_repo', { paths_exclude: ['a', '/etc'] }, '$.params.paths_exclude[1]'],
    ['scan_repo', { mode: 'slow' }, '$.params.mode'],
    ['scan_repo', { max_files: 0 }, '$.params.max_files'],
    ['scan_repo', { focus: ['everything'] }, '$.params.focus[0]'],
    ['scan_repo', { root: '/' }, '$.params.root'],
    ['scan_audit', { window_hours: 745 }, '$.params.window_hours'],
    [
      'scan_audit',
      { time_range: { from: '2026-11-12T09:00:00Z', to: '2026-11-11T09:00:00Z' } },
      '$.params.time_range.from',
    ],
    ['digest', { window_hours: '24' }, '$.params.window_hours'],
  ])('refuses %s %j at %s', async (action, params, place) => {
    const { status, text } = await call(action, params);
    expect(status).toBe(422);
    expect(text).toContain(place);
  });

  it('is for those who may read it', async () => {
    const { status, text } = await call('scan_repo', {}, 'monitor');
    expect(status).toBe(403);
    expect(text).toContain('tools.data_gov.read');
  });

  it('tells the policy in force, follows its gate, and fails by file and line when it is broken', async () => {
    expect((await call('policy')).body).toMatchObject({ in_force: { gate: { mode: 'strict' } } });
    await writeFile(policyFile(), `${POLICY}gate: { mode: warn }\n`);
    const gate = await call('gate');
    await writeFile(policyFile(), `${POLICY}gates: {}\n`);
    const broken = await call('scan_repo');
    await writeFile(policyFile(), POLICY);
    expect(gate.body).toMatchObject({ mode: 'warn', pass: true });
    expect(broken.status).toBe(503);
    expect(broken.text).toContain('data_governance_policy.yml:3:1');
  });
});
