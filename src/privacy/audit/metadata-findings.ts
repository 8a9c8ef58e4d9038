import type { AuditEvent } from '#audit/audit-event';
import { type Finding, fingerprintOf } from '../finding.ts';
import { PAYMENT_CARD_RULE } from '../rules/payment-card.ts';
import { getRule } from '../rules/rule-catalog.ts';
import { maskSample } from '../text/mask-sample.ts';
import type { TextMatcher } from '../text/match-text.ts';
import { type Match, toValuesSource } from '../text/text-source.ts';
import type { SafeNames } from './safe-names.ts';

/** What callers choose; sizes, status and hash are ours or numbers. */
const FIELDS = [
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
] as const;
type Field = (typeof FIELDS)[number];

/** Ours write SHA-256 in hex; others a part of it. */
const HASH = /^(?:sha\d{1,3}[:-])?[0-9a-f]{16,128}$/i;
const MAX_GROUPS = 1_000;
const MAX_REMEMBERED = 100_000;

interface Group {
  readonly rule: string;
  readonly severity: Finding['severity'];
  readonly field: Field;
  readonly tool: string;
  readonly first: AuditEvent;
  readonly sample: string;
  count: number;
}

interface Hit {
  readonly rule: string;
  readonly severity: Finding['severity'];
  readonly sample: string;
}

const hitOf = (match: Match, value: string, from: number): Hit => {
  const isSecret = match.rule.startsWith('DG-SEC-');
  const rule = getRule(isSecret ? 'DG-AUD-003' : 'DG-AUD-001');
  return {
    rule: rule.id,
    severity: match.rule === PAYMENT_CARD_RULE.id ? 'error' : rule.severity,
    sample: maskSample(value.slice(match.start - from, match.end - from)),
  };
};

/** Two characters of an id tell an operator which it may be and a reader nothing. */
export const maskRequestId = (requestId: string): string => maskSample(requestId);

const needsLook = (field: Field, value: string | null): value is string =>
  value !== null && value.length >= 6 && !(field === 'input_hash' && HASH.test(value));

/**
 * Personal data and secrets in the fields of events, grouped by rule, field and
 * tool. Values repeat, so each is judged once: the fields of a page that are
 * new are put into one text, a line each.
 */
export class MetadataFindings {
  private readonly matchText: TextMatcher;
  private readonly names: SafeNames;
  private readonly judged = new Map<string, Hit | null>();
  private readonly groups = new Map<string, Group>();

  constructor(matchText: TextMatcher, names: SafeNames) {
    this.matchText = matchText;
    this.names = names;
  }

  async add(events: readonly AuditEvent[]): Promise<void> {
    if (this.judged.size > MAX_REMEMBERED) this.judged.clear();
    await this.judge(events);
    for (const event of events)
      for (const field of FIELDS) {
        const value = event[field];
        const hit = needsLook(field, value) ? this.judged.get(value) : null;
        if (hit !== null && hit !== undefined) this.count(event, field, hit);
      }
  }

  findings(): readonly Finding[] {
    return [...this.groups.values()].map(
      ({ rule, severity, field, tool, first, sample, count }) => {
        const { title, fix } = getRule(rule);
        return {
          rule,
          severity,
          title,
          place: { field, tool, event: { req_id: maskRequestId(first.req_id), ts: first.ts } },
          sample,
          fix,
          fingerprint: fingerprintOf(['audit', rule, severity, field, tool]),
          count,
        };
      },
    );
  }

  private async judge(events: readonly AuditEvent[]): Promise<void> {
    const fresh = new Set<string>();
    for (const event of events)
      for (const field of FIELDS) {
        const value = event[field];
        if (needsLook(field, value) && !this.judged.has(value)) fresh.add(value);
      }
    const values = [...fresh];
    for (const value of values) this.judged.set(value, null);
    const source = toValuesSource(values);
    for (const match of await this.matchText(source)) {
      const line = source.lines.lineAt(match.start);
      const value = values[line - 1];
      if (value === undefined || this.judged.get(value) !== null) continue;
      this.judged.set(value, hitOf(match, value, source.lines.startOf(line)));
    }
    this.names.remember(values.filter((value) => this.judged.get(value) !== null));
  }

  private count(event: AuditEvent, field: Field, hit: Hit): void {
    const tool = this.names.show(event.tool);
    const key = JSON.stringify([hit.rule, hit.severity, field, tool]);
    const group = this.groups.get(key);
    if (group !== undefined) group.count += 1;
    else if (this.groups.size < MAX_GROUPS)
      this.groups.set(key, { ...hit, field, tool, first: event, count: 1 });
  }
}
