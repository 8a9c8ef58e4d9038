import { describe, expect, it } from 'vitest';
import { createMemoryAuditStore } from '#audit/backends/memory-audit-store';
import { type AuditEventLine, auditEvent } from '#test/support/audit-events';
import { PLANTED } from '#test/support/planted-secrets';
import { privacyPolicyOf } from '../privacy-policy.ts';
import { type AuditEventSource, readEventPages } from './event-source.ts';
import { scanAudit } from './scan-audit.ts';

const HOUR_MS = 3_600_000;
const FROM = new Date('2026-11-11T09:00:00Z');
const TO = new Date('2026-11-12T09:00:00Z');
const EMAIL = ['olena', '@', 'corp-mail.eu'].join('');
const CARD = ['453914880', '3436467'].join('');

const at = (ms: number): string => new Date(FROM.getTime() + ms).toISOString();

const source = (events: readonly AuditEventLine[]): AuditEventSource => {
  const store = createMemoryAuditStore();
  for (const event of events) expect(store.write(event)).toEqual({ outcome: 'accepted' });
  return store;
};

const policy = (sections: object = {}) =>
  privacyPolicyOf({
    version: 1,
    retention: { audit_jsonl_days: 30, audit_postgres_days: 90, audit_parquet_days: 400 },
    ...sections,
  });

const scan = (events: readonly AuditEventLine[], sections: object = {}) =>
  scanAudit(source(events), {
    window: { from: FROM, to: TO },
    policy: policy(sections),
    signal: new AbortController().signal,
  });

/** Ordinary traffic: no personal data, outputs of about a kilobyte. */
const ordinary = (count: number): readonly AuditEventLine[] =>
  Array.from({ length: count }, (_, n) =>
    auditEvent({
      ts: at((n * 24 * HOUR_MS) / count),
      req_id: `123e4567-e89b-12d3-a456-${String(426614174000 + n)}`,
      user_id: `u-${n % 20}`,
      agent_id: `agent-${n % 4}`,
      tool: `tool_${n % 3}`,
      out_size: 1_000 + (n % 200),
      input_hash: (n + 1).toString(16).padStart(64, 'a'),
    }),
  );

describe('scanAudit', () => {
  it('says nothing about ordinary traffic', async () => {
    const answer = await scan(ordinary(500));
    expect(answer).toMatchObject({ events: 500, findings: [], largeOutputs: [], deniedSpikes: [] });
    expect(answer.access).toEqual({ tools: [], agents: [], others: 0 });
  });

  it('groups personal data and secrets by field and tool, and masks them everywhere', async () => {
    const planted = [
      auditEvent({ ts: at(1), tool: 'crm', user_id: EMAIL }),
      auditEvent({ ts: at(2), tool: 'crm', user_id: `other.${EMAIL}` }),
      auditEvent({ ts: at(3), tool: 'pay', req_id: `order ${CARD}` }),
      auditEvent({ ts: at(4), tool: 'sms', user_id: '+4915123456789' }),
      auditEvent({ ts: at(5), tool: EMAIL, agent_id: EMAIL, out_size: 9_000_000 }),
      ...PLANTED.filter(({ rule }) => rule.startsWith('DG-SEC-') && rule !== 'DG-SEC-012').map(
        ({ line }, n) => auditEvent({ ts: at(10 + n), tool: 'x', job_id: line.slice(0, 500) }),
      ),
    ];
    const answer = await scan([...ordinary(100), ...planted]);
    const found = answer.findings.map(({ rule, severity, count, place }) => ({
      rule,
      severity,
      count,
      field: 'field' in place ? place.field : '',
    }));
    expect(found).toEqual(
      expect.arrayContaining([
        { rule: 'DG-AUD-001', severity: 'warning', count: 2, field: 'user_id' },
        { rule: 'DG-AUD-001', severity: 'error', count: 1, field: 'req_id' },
        { rule: 'DG-AUD-002', severity: 'warning', count: 1, field: 'out_size' },
        { rule: 'DG-AUD-003', severity: 'error', count: 14, field: 'job_id' },
      ]),
    );
    const text = JSON.stringify(answer);
    for (const secret of [EMAIL, CARD, '+4915123456789', ...PLANTED.map((one) => one.secret)])
      expect(text).not.toContain(secret);
  });

  it('measures outputs by the tool they are of', async () => {
    const calls = Array.from({ length: 40 }, (_, n) =>
      auditEvent({ ts: at(n), tool: 'search', out_size: n === 7 ? 300_000 : 2_000 }),
    );
    const few = Array.from({ length: 5 }, (_, n) =>
      auditEvent({ ts: at(n), tool: 'rare', out_size: n === 3 ? 300_000 : 2_000 }),
    );
    const { largeOutputs } = await scan([...calls, ...few]);
    expect(largeOutputs).toMatchObject([
      {
        tool: 'search',
        calls: 1,
        threshold_bytes: 65_536,
        median_bytes: 2_000,
        largest_bytes: 300_000,
      },
    ]);
  });

  it('tells an hour of denied calls from an agent that is denied all day', async () => {
    const denied = (agent: string, hour: number, count: number) =>
      Array.from({ length: count }, (_, n) =>
        auditEvent({
          ts: at(hour * HOUR_MS + n),
          agent_id: agent,
          status: n % 2 === 0 ? 'denied' : 'Forbidden',
        }),
      );
    const steady = Array.from({ length: 24 }, (_, hour) => denied('steady', hour, 12)).flat();
    const { deniedSpikes } = await scan([
      ...steady,
      ...denied('sudden', 5, 30),
      ...denied('few', 5, 9),
    ]);
    expect(deniedSpikes).toEqual([
      { agent_id: 'sudden', hour: at(5 * HOUR_MS), denied: 30, median_denied: 0 },
    ]);
  });

  it('shows who takes data out of the tools that the policy names or that give much', async () => {
    const events = [
      auditEvent({ ts: at(1), tool: 'export', agent_id: 'a', out_size: 500_000 }),
      auditEvent({ ts: at(2), tool: 'export', agent_id: 'b', out_size: 100_000, status: 'denied' }),
      auditEvent({ ts: at(3), tool: 'named', agent_id: 'a', out_size: 5 }),
      auditEvent({ ts: at(4), tool: 'small', agent_id: 'a', out_size: 5 }),
    ];
    const { access } = await scan(events, { data_heavy: { tools: ['named'], top_n: 2 } });
    expect(access.tools.map(({ tool, why }) => `${tool}: ${why}`)).toEqual([
      'export: median output',
      'named: named in the policy',
    ]);
    expect(access.agents).toMatchObject([
      { agent_id: 'a', tool: 'export', calls: 1, out_bytes: 500_000 },
      { agent_id: 'b', tool: 'export', denied: 1 },
    ]);
    expect(access.others).toBe(1);
  });

  it('reads no more events than the policy says, and says so', async () => {
    const answer = await scan(ordinary(1_500), { audit_scan: { max_events: 1_000 } });
    expect(answer).toMatchObject({ events: 1_000, isTruncated: true });
  });
});

describe('readEventPages', () => {
  it('hands each event out once, also where a page ends amid equal instants', async () => {
    const events = Array.from({ length: 45_000 }, (_, n) =>
      auditEvent({ ts: at(n < 25_000 ? Math.floor(n / 7) : 10_000), req_id: `r-${n}` }),
    );
    const outside = [auditEvent({ ts: TO.toISOString(), req_id: 'after' })];
    const seen: string[] = [];
    const answer = await readEventPages(source([...events, ...outside]), {
      window: { from: FROM, to: TO },
      maxEvents: 1_000_000,
      signal: new AbortController().signal,
      onPage: async (page) => void seen.push(...page.map(({ req_id }) => req_id)),
    });
    expect(answer).toMatchObject({ events: 45_000, isTruncated: false });
    expect(new Set(seen).size).toBe(45_000);
    expect(seen).toHaveLength(45_000);
  });
});
