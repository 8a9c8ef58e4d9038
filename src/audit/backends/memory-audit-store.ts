import type { AuditEvent } from '../audit-event.ts';
import type { AuditStore, AuditView } from '../audit-store.ts';
import { parseEventTime, utcText } from '../event-time.ts';
import { aggregateEvents } from '../read/aggregate-events.ts';
import { assertQuery, assertRange } from '../read/aggregate-sql.ts';
import { qualityOf } from '../read/data-quality.ts';
import { compareInstants, isAskedFor, planRead } from '../read/read-query.ts';
import { checkAuditEvent } from '../write/check-audit-event.ts';

const MAX_EVENTS = 100_000;

const QUALITY = qualityOf('memory');

/**
 * Keeps the last 100,000 events of this process and nothing beyond its end:
 * for tests and trials. Older ones fall out without a word.
 */
export const createMemoryAuditStore = (): AuditStore => {
  // A ring: `stored` counts everything ever accepted, its place is the rest.
  const ring: AuditEvent[] = [];
  let stored = 0;
  let refused = 0;
  let isClosed = false;

  const inOrder = (): readonly AuditEvent[] => {
    const start = stored % MAX_EVENTS;
    return stored <= MAX_EVENTS ? [...ring] : [...ring.slice(start), ...ring.slice(0, start)];
  };

  const store: AuditStore = {
    write(value) {
      if (isClosed) return { outcome: 'refused', reason: 'the audit store is closed' };
      const checked = checkAuditEvent(value);
      if (!checked.ok) {
        refused += 1;
        return { outcome: 'refused', reason: checked.reason };
      }
      ring[stored % MAX_EVENTS] = checked.event;
      stored += 1;
      return { outcome: 'accepted' };
    },
    flush: async () => undefined,
    async read(query) {
      const plan = planRead(query);
      const found = inOrder().flatMap((event) => {
        const at = parseEventTime(event.ts);
        return at !== null && isAskedFor(event, at, plan) ? [{ event, at }] : [];
      });
      // Stable, so events of one instant stay in the order in which they came; `desc` is its mirror.
      found.sort((a, b) => compareInstants(a.at, b.at));
      if (plan.order === 'desc') found.reverse();
      const events = found
        .slice(0, plan.limit)
        .map(({ event, at }) => ({ ...event, ts: utcText(at) }));
      return { events, quality: QUALITY };
    },
    async open(range) {
      assertRange(range);
      range.signal.throwIfAborted();
      const events = inOrder();
      const view: AuditView = {
        quality: QUALITY,
        async aggregate(query) {
          assertQuery(query, range);
          range.signal.throwIfAborted();
          return aggregateEvents(events, query);
        },
        close: async () => undefined,
      };
      return view;
    },
    async aggregate(query, signal) {
      signal?.throwIfAborted();
      assertQuery(query, query);
      return { rows: aggregateEvents(inOrder(), query), quality: QUALITY };
    },
    activeBackend: () => 'memory',
    health: () => ({
      ok: true,
      detail: 'audit events are kept in memory only',
      blocks: 'nothing',
      pendingEvents: 0,
      acceptedEvents: stored,
      refusedEvents: refused,
      malformedEvents: refused,
      repairedLines: 0,
      failovers: 0,
    }),
    async close() {
      isClosed = true;
    },
  };
  return store;
};
