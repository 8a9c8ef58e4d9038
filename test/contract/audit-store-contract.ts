import fc from 'fast-check';
import { expect } from 'vitest';
import type { AuditEvent } from '#audit/audit-event';
import type { AuditAggregateQuery, AuditReadQuery, AuditStore } from '#audit/audit-store';
import { statusClassOf } from '#audit/call-status';
import { auditEvent } from '../support/audit-events.ts';

/** What the suite needs to know of a backend. */
export interface AuditStoreBackend {
  readonly name: string;
  /** False where readings are known not to be all there is. */
  readonly isWhole: boolean;
  readonly sourceBackend: string;
  /** An empty store; each call another one. */
  open(): Promise<AuditStore>;
}

const START = Date.parse('2026-11-02T22:00:00Z');
const OFFSETS = ['Z', '+02:00', '-05:30'] as const;

const fraction = (ms: number, micros: number): string =>
  `${String(ms).padStart(3, '0')}${micros === 0 ? '' : String(micros).padStart(3, '0')}`;

/** Few instants, so that many events share one; offsets move some into another day's file. */
const instant: fc.Arbitrary<string> = fc
  .record({
    minute: fc.integer({ min: 0, max: 600 }).map((n) => n - (n % 40)),
    ms: fc.constantFrom(0, 0, 7),
    micros: fc.constantFrom(0, 0, 500),
    offset: fc.constantFrom(...OFFSETS),
  })
  .map(({ minute, ms, micros, offset }) => {
    const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(offset) ?? [];
    const shift = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
    const local = new Date(START + (minute + shift) * 60_000).toISOString().slice(0, 19);
    return `${local}.${fraction(ms, micros)}${offset}`;
  });

const text = fc.oneof(
  fc.constantFrom('a', 'b', ''),
  fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .filter((value) => value.isWellFormed() && !value.includes('\0')),
  fc.constantFrom('tab\tnew\nline\\back\r', "o'clock", '\\N', '\u0001', 'Привет 👋', '\u2028'),
);

const count = fc.oneof(fc.nat(5000), fc.constantFrom(0, 2_147_483_647));

const storedEvent: fc.Arbitrary<AuditEvent> = fc
  .record({
    ts: instant,
    req_id: text,
    workspace_id: fc.constantFrom('w1', 'w2'),
    user_id: text,
    agent_id: fc.constantFrom('a1', 'a2'),
    tool: fc.constantFrom('search', 'jobs', "o'clock"),
    action: text,
    status: fc.constantFrom('pass', 'ok', 'error', 'Failed', 'denied', 'timeout', 'odd'),
    duration_ms: count,
    in_size: count,
    out_size: count,
    input_hash: text,
    graph_run_id: fc.option(text),
    graph_node: fc.option(text),
    job_id: fc.option(text),
  })
  .map((given) => auditEvent(given));

const microsOf = (ts: string): bigint => {
  const digits = /\.(\d+)/.exec(ts)?.[1] ?? '';
  return BigInt(Date.parse(ts)) * 1000n + BigInt(Number(digits.padEnd(6, '0').slice(3, 6)));
};

/** An event with its instant instead of the way in which it was written. */
const canonical = (event: AuditEvent): object => ({ ...event, ts: microsOf(event.ts) });

/** What a reading must give, in the plainest way. Storage order is the order of writing within a day's file. */
const expectedRead = (events: readonly AuditEvent[], query: AuditReadQuery): readonly object[] => {
  const bound = (value: Date | string | undefined): bigint | undefined =>
    value === undefined
      ? undefined
      : typeof value === 'string'
        ? microsOf(value)
        : BigInt(value.getTime()) * 1000n;
  const [from, to] = [bound(query.fromTs), bound(query.toTs)];
  const found = events
    .map((event) => ({ event, at: microsOf(event.ts) }))
    .filter(
      ({ event, at }) =>
        (from === undefined || at >= from) &&
        (to === undefined || at <= to) &&
        (query.tool === undefined || event.tool === query.tool) &&
        (query.agentId === undefined || event.agent_id === query.agentId) &&
        (query.workspaceId === undefined || event.workspace_id === query.workspaceId),
    );
  found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  if (query.order === 'desc') found.reverse();
  return found.slice(0, query.limit).map(({ event }) => canonical(event));
};

const QUERIES: readonly AuditReadQuery[] = [
  {},
  { order: 'desc' },
  { limit: 3 },
  { limit: 3, order: 'desc' },
  { tool: "o'clock", agentId: 'a1' },
  { workspaceId: 'w2', order: 'desc', limit: 2 },
  { fromTs: new Date(START), toTs: '2026-11-02T23:20:00.0075Z' },
  { fromTs: '2026-11-03T00:00:00.0005+00:00', toTs: new Date('2026-11-03T04:00:00Z'), limit: 4 },
  { fromTs: new Date('2026-11-02T22:40:00Z'), toTs: new Date('2026-11-02T22:40:00Z') },
  { tool: 'nothing' },
];

const AGGREGATES: readonly Omit<AuditAggregateQuery, 'from' | 'to'>[] = [
  { groupBy: [] },
  { groupBy: ['tool'], statuses: ['pass', 'timeout'] },
  { groupBy: ['status'] },
];

const expectedCalls = (
  events: readonly AuditEvent[],
  query: AuditAggregateQuery,
): ReadonlyMap<string, number> => {
  const calls = new Map<string, number>();
  for (const event of events) {
    const at = Date.parse(event.ts);
    const status = statusClassOf(event.status);
    if (at < query.from.getTime() || at >= query.to.getTime()) continue;
    if (query.statuses?.includes(status) === false) continue;
    const [dimension] = query.groupBy;
    const key = dimension === undefined ? '' : dimension === 'status' ? status : event[dimension];
    calls.set(key, (calls.get(key) ?? 0) + 1);
  }
  return calls;
};

const checkAggregates = async (store: AuditStore, events: readonly AuditEvent[]): Promise<void> => {
  const range = { from: new Date(START), to: new Date('2026-11-03T05:20:00Z') };
  for (const asked of AGGREGATES) {
    const query = { ...range, ...asked };
    const { rows } = await store.aggregate(query);
    const [dimension] = query.groupBy;
    const calls = rows.map(
      (row) => [dimension === undefined ? '' : (row.key[dimension] ?? ''), row.calls] as const,
    );
    expect(new Map(calls)).toEqual(expectedCalls(events, query));
  }
};

/** By day, as files keep them: within one instant the order of writing holds inside of a day's file. */
const inStorageOrder = (events: readonly AuditEvent[], isByDay: boolean): readonly AuditEvent[] =>
  isByDay
    ? [...events].sort((a, b) => {
        const [left, right] = [a.ts.slice(0, 10), b.ts.slice(0, 10)];
        return left < right ? -1 : left > right ? 1 : 0;
      })
    : events;

/**
 * What every backend that keeps events must do. Rejects, with the difference,
 * for one that does not.
 */
export const checkAuditStore = async (
  backend: AuditStoreBackend,
  options: { readonly rounds: number; readonly keepsByDay: boolean },
): Promise<void> => {
  const round = async (events: readonly AuditEvent[]): Promise<void> => {
    const store = await backend.open();
    try {
      for (const event of events) {
        expect(store.write({ ...event, payload: 'never kept' })).toEqual({ outcome: 'accepted' });
      }
      await store.flush();
      const stored = inStorageOrder(events, options.keepsByDay);
      for (const query of QUERIES) {
        const reading = await store.read(query);
        expect(reading.events.map(canonical)).toEqual(expectedRead(stored, query));
        expect(reading.quality).toMatchObject({
          sourceBackend: backend.sourceBackend,
          partial: !backend.isWhole,
          rejectedCount: 0,
        });
      }
      await checkAggregates(store, events);
      expect(store.activeBackend()).toBe(backend.sourceBackend);
      expect(store.health()).toMatchObject({ ok: true, acceptedEvents: events.length });
    } finally {
      await store.close();
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(storedEvent, { maxLength: 30 }), round), {
    numRuns: options.rounds,
    endOnFailure: true,
  });
};
