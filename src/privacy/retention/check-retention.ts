import type { DataGovernancePolicy } from '#config/data-governance-policy';
import { type Finding, fingerprintOf, sortFindings } from '../finding.ts';
import type { PrivacyPolicy } from '../privacy-policy.ts';
import { getRule } from '../rules/rule-catalog.ts';
import type { RetentionFacts, StoreAge, StoreName } from './store-ages.ts';

/** State of one store against the policy. */
export interface StoreState {
  readonly store: StoreName;
  readonly state: 'ok' | 'empty' | 'overdue' | 'no_limit' | 'not_ours' | 'unreadable';
  readonly records: number | null;
  /** ISO instant. */
  readonly oldest_at: string | null;
  /** Whole days. */
  readonly oldest_age_days: number | null;
  readonly limit_days: number | null;
  /** Key of the policy, or what decides instead of one. */
  readonly limit_from: string;
  readonly detail: string;
}

export interface RetentionCheck {
  readonly lookedAt: Date;
  readonly stores: readonly StoreState[];
  readonly findings: readonly Finding[];
}

export interface RetentionCheckInputs {
  readonly facts: RetentionFacts;
  readonly retention: DataGovernancePolicy['retention'];
  readonly policy: PrivacyPolicy;
  readonly now: Date;
}

const DAY_MS = 86_400_000;

const LIMITS: Readonly<
  Record<
    StoreName,
    { readonly from: string; readonly days: (inputs: RetentionCheckInputs) => number | null }
  >
> = {
  audit_jsonl: {
    from: 'retention.audit_jsonl_days',
    days: ({ retention }) => retention.audit_jsonl_days,
  },
  audit_parquet: {
    from: 'retention.audit_parquet_days',
    days: ({ retention }) => retention.audit_parquet_days,
  },
  audit_postgres: {
    from: 'retention.audit_postgres_days',
    days: ({ retention }) => retention.audit_postgres_days,
  },
  reports: {
    from: 'retention.reports_days',
    days: ({ retention }) => retention.reports_days ?? null,
  },
  run_ledger: { from: 'keep_runs of the tasks', days: ({ facts }) => facts.keepRunsDays },
};

const detailOf = (state: StoreState['state'], age: StoreAge, from: string): string => {
  switch (state) {
    case 'unreadable':
      return age.fault ?? 'could not be looked at';
    case 'not_ours':
      return 'the directory is not marked as ours, so nothing in it is removed; "opsloop audit adopt" allows it';
    case 'empty':
      return 'holds nothing';
    case 'no_limit':
      return `${from} is not set: records are kept for ever`;
    case 'overdue':
      return 'holds records older than its retention';
    default:
      return 'within its retention';
  }
};

const stateOf = (age: StoreAge, inputs: RetentionCheckInputs): StoreState => {
  const { from, days } = LIMITS[age.store];
  const limit = days(inputs);
  const ageMs = age.oldestAt === null ? null : inputs.now.getTime() - age.oldestAt.getTime();
  const ageDays = ageMs === null ? null : Math.max(0, Math.floor(ageMs / DAY_MS));
  const state = ((): StoreState['state'] => {
    if (age.fault !== null) return 'unreadable';
    if (!age.isOurs && ageDays !== null) return 'not_ours';
    if (ageDays === null) return limit === null ? 'no_limit' : 'empty';
    if (limit === null) return 'no_limit';
    return ageDays > limit + inputs.policy.graceDays ? 'overdue' : 'ok';
  })();
  return {
    store: age.store,
    state,
    records: age.records,
    oldest_at: age.oldestAt?.toISOString() ?? null,
    oldest_age_days: ageDays,
    limit_days: limit,
    limit_from: from,
    detail: detailOf(state, age, from),
  };
};

const findingOf = (id: string, store: string): Finding => {
  const { severity, title, fix } = getRule(id);
  const fingerprint = fingerprintOf(['store', id, store]);
  return { rule: id, severity, title, place: { store }, sample: '', fix, fingerprint, count: 1 };
};

const stateFindings = (states: readonly StoreState[]): readonly Finding[] =>
  states.flatMap(({ store, state }) => {
    if (state === 'overdue') return [findingOf('DG-RET-003', store)];
    return state === 'no_limit' ? [findingOf('DG-RET-001', store)] : [];
  });

/** Stores of the policy that say neither how long nor why for ever, and those whose clean-up does not run. */
const declaredFindings = ({ facts, policy, retention }: RetentionCheckInputs): readonly Finding[] =>
  policy.stores.flatMap((store) => {
    const found: Finding[] = [];
    const hasKey = store.retention !== null && Object.hasOwn(retention, store.retention);
    if (!hasKey && store.keptBecause === null) found.push(findingOf('DG-RET-001', store.name));
    const runs = facts.tasks?.some(({ id, enabled }) => id === store.cleanup && enabled) ?? true;
    if (store.cleanup !== null && !runs) found.push(findingOf('DG-RET-002', store.name));
    return found;
  });

/** How each store stands to its retention now, and what is wrong with it. */
export const checkRetention = (inputs: RetentionCheckInputs): RetentionCheck => {
  const stores = inputs.facts.ages.map((age) => stateOf(age, inputs));
  return {
    lookedAt: inputs.now,
    stores,
    findings: sortFindings([...stateFindings(stores), ...declaredFindings(inputs)]),
  };
};
