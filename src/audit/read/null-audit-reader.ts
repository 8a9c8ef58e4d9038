import type { AuditReader } from '../audit-store.ts';

/** The reader of a backend that keeps nothing another process could read: no calls, nothing missing. */
export const createNullAuditReader = (sourceBackend: 'memory' | 'null'): AuditReader => ({
  open: async () => ({
    quality: { sourceBackend, partial: false, rejected: [], rejectedCount: 0, problems: [] },
    aggregate: async () => [],
    close: async () => undefined,
  }),
});
