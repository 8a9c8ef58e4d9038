import type { AuditDataQuality } from '../audit-store.ts';

/** What a backend says of an answer in which no line could be bad; `problems` name what is missing. */
export const qualityOf = (
  sourceBackend: AuditDataQuality['sourceBackend'],
  problems: readonly string[] = [],
): AuditDataQuality => ({
  sourceBackend,
  partial: problems.length > 0,
  rejected: [],
  rejectedCount: 0,
  problems,
});
