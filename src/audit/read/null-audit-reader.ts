import type { AuditReader } from '../audit-store.ts';
import { qualityOf } from './data-quality.ts';

/** The reader of a backend that keeps nothing another process could read: no calls, nothing missing. */
export const createNullAuditReader = (sourceBackend: 'memory' | 'null'): AuditReader => ({
  open: async () => ({
    quality: qualityOf(sourceBackend),
    aggregate: async () => [],
    close: async () => undefined,
  }),
});
