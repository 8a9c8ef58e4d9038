import { describe, expect, it } from 'vitest';
import { privacyPolicyOf } from '../privacy-policy.ts';
import { checkRetention } from './check-retention.ts';
import type { RetentionFacts, StoreAge } from './store-ages.ts';

const NOW = new Date('2026-11-12T09:00:00Z');
const retention = { audit_jsonl_days: 30, audit_postgres_days: 90, audit_parquet_days: 400 };

const age = (change: Partial<StoreAge>): StoreAge => ({
  store: 'audit_jsonl',
  oldestAt: null,
  records: 1,
  isOurs: true,
  fault: null,
  ...change,
});
const daysAgo = (days: number): Date => new Date(NOW.getTime() - days * 86_400_000);

const check = (facts: Partial<RetentionFacts>, sections: object = {}) =>
  checkRetention({
    facts: { ages: [], tasks: [], keepRunsDays: 90, ...facts },
    retention,
    policy: privacyPolicyOf({ version: 1, retention, ...sections }),
    now: NOW,
  });

describe('checkRetention', () => {
  it.each([
    ['ok', age({ oldestAt: daysAgo(33) }), []],
    ['overdue', age({ oldestAt: daysAgo(34) }), ['DG-RET-003']],
    ['empty', age({}), []],
    ['not_ours', age({ oldestAt: daysAgo(900), isOurs: false }), []],
    ['unreadable', age({ fault: 'could not be looked at' }), []],
    ['no_limit', age({ store: 'reports', oldestAt: daysAgo(5) }), ['DG-RET-001']],
    ['overdue', age({ store: 'run_ledger', oldestAt: daysAgo(94) }), ['DG-RET-003']],
  ])('%s', (state, one, rules) => {
    const answer = check({ ages: [one] });
    expect(answer.stores).toMatchObject([{ state }]);
    expect(answer.findings.map(({ rule }) => rule)).toEqual(rules);
  });

  it('asks the policy for a retention and the registry for a clean-up that runs', () => {
    const stores = [
      { name: 'a', kind: 'table', retention: 'audit_jsonl_days', cleanup: 'audit_cleanup' },
      { name: 'b', kind: 'table', retention: 'no_such_key' },
      { name: 'c', kind: 'table', kept_because: 'the law', cleanup: 'gone' },
      { name: 'd', kind: 'table', kept_because: 'the law', cleanup: 'off' },
    ];
    const tasks = [
      { id: 'audit_cleanup', enabled: true },
      { id: 'off', enabled: false },
    ];
    expect(check({ tasks }, { stores }).findings.map(({ rule, place }) => [rule, place])).toEqual([
      ['DG-RET-001', { store: 'b' }],
      ['DG-RET-002', { store: 'c' }],
      ['DG-RET-002', { store: 'd' }],
    ]);
  });
});
