import type { AuditDataQuality, AuditStore } from '../audit-store.ts';
import { assertQuery, assertRange } from '../read/aggregate-sql.ts';
import { createNullAuditReader } from '../read/null-audit-reader.ts';
import { planRead } from '../read/read-query.ts';
import type { AuditLog } from '../write/audit-log.ts';
import { EventIntake } from '../write/event-intake.ts';

const QUALITY: AuditDataQuality = {
  sourceBackend: 'null',
  partial: false,
  rejected: [],
  rejectedCount: 0,
  problems: [],
};

/** Checks and counts events and discards them. */
export const createNullAuditStore = (logger: AuditLog): AuditStore => {
  const reader = createNullAuditReader('null');
  let isClosed = false;
  const intake = new EventIntake({
    logger,
    onRejected: () => undefined,
    accept: () =>
      isClosed
        ? { outcome: 'refused', reason: 'the audit store is closed' }
        : { outcome: 'accepted' },
  });
  return {
    async open(range) {
      assertRange(range);
      return reader.open(range);
    },
    write: (event) => intake.write(event),
    flush: async () => undefined,
    async read(query) {
      planRead(query);
      return { events: [], quality: QUALITY };
    },
    async aggregate(query) {
      assertQuery(query, query);
      return { rows: [], quality: QUALITY };
    },
    activeBackend: () => 'null',
    health: () => ({
      ok: true,
      detail: 'audit events are discarded',
      blocks: 'nothing',
      pendingEvents: 0,
      acceptedEvents: intake.acceptedEvents,
      refusedEvents: intake.refusedEvents,
      malformedEvents: intake.malformedEvents,
      repairedLines: 0,
      failovers: 0,
    }),
    async close() {
      isClosed = true;
    },
  };
};
