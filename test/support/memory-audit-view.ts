import type { AuditEvent } from '#audit/audit-event';
import type { AuditReader, AuditView } from '#audit/audit-store';
import { aggregateEvents } from '#audit/read/aggregate-events';

/** A view over events in memory, counted in the plainest way, for tests of what is computed from views. */
export const memoryAuditView = (events: readonly AuditEvent[]): AuditView => ({
  quality: {
    sourceBackend: 'memory',
    partial: false,
    rejected: [],
    rejectedCount: 0,
    problems: [],
  },
  aggregate: async (query) => aggregateEvents(events, query),
  close: async () => undefined,
});

export const memoryAuditReader = (events: readonly AuditEvent[]): AuditReader => ({
  open: async () => memoryAuditView(events),
});
