import type { CallStatus } from './audit-store.ts';

/**
 * Other systems' words for the same ends (02-audit-trail, "Event"), in lower
 * case; letter case is not significant when they are read.
 */
const STATUS_SYNONYMS: Readonly<Record<Exclude<CallStatus, 'other'>, readonly string[]>> = {
  pass: ['pass', 'ok', 'success', 'succeeded'],
  error: ['error', 'fail', 'failed', 'failure', 'exception'],
  denied: ['denied', 'blocked', 'forbidden'],
  timeout: ['timeout'],
};

const CLASS_BY_WORD: ReadonlyMap<string, CallStatus> = new Map(
  (Object.keys(STATUS_SYNONYMS) as (keyof typeof STATUS_SYNONYMS)[]).flatMap((status) =>
    STATUS_SYNONYMS[status].map((word) => [word, status] as const),
  ),
);

export const statusClassOf = (status: string): CallStatus =>
  CLASS_BY_WORD.get(status.toLowerCase()) ?? 'other';

/** The same decision as an SQL expression over `column`, for PostgreSQL and DuckDB. */
export const statusClassSql = (column: string): string => {
  const branches = (Object.keys(STATUS_SYNONYMS) as (keyof typeof STATUS_SYNONYMS)[]).map(
    (status) =>
      `WHEN lower(${column}) IN (${STATUS_SYNONYMS[status].map((word) => `'${word}'`).join(', ')}) THEN '${status}'`,
  );
  return `CASE ${branches.join(' ')} ELSE 'other' END`;
};
