import type { AuditFileRetention, AuditReader } from '#audit/audit-store';

/** Removes what the run ledger need not keep any longer. */
export interface RunRetention {
  /**
   * Deletes finished runs with their events, closed occurrences, and pauses,
   * alarms and backfills that are over, which ended longer ago than their
   * task's `keep_runs`. Answers how many of the first two.
   */
  removeExpired(now: Date): Promise<{ readonly runs: number; readonly occurrences: number }>;
}

/** The stores a job may ask for by name in `needs`. */
export interface StoreCatalog {
  readonly audit: AuditReader;
  readonly auditFiles: AuditFileRetention;
  readonly runRetention: RunRetention;
}

export type StoreName = keyof StoreCatalog;
