import type {
  AuditCompaction,
  AuditFileRetention,
  AuditRowRetention,
  AuditVerification,
} from '#audit/audit-keeping';
import type { AuditReader, AuditTrailReader } from '#audit/audit-store';
import type { PrivacyStores } from '#privacy/privacy-sources';

/** Removes what the run ledger need not keep any longer. */
export interface RunRetention {
  /**
   * Deletes finished runs with their events, closed occurrences, and pauses,
   * alarms and backfills that are over, which ended longer ago than their
   * task's `keep_runs`. Answers how many of the first two.
   */
  removeExpired(now: Date): Promise<{ readonly runs: number; readonly occurrences: number }>;
}

/** Deletes reports that are old. */
export interface ReportRetention {
  /** Files below `ops/reports` that were written longer than `retentionDays` before `now`. */
  removeOlder(rule: {
    readonly now: Date;
    readonly retentionDays: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly deletedFiles: number; readonly freedBytes: number }>;
}

/** The stores a job may ask for by name in `needs`. */
export interface StoreCatalog {
  readonly audit: AuditReader;
  readonly auditCompaction: AuditCompaction;
  readonly auditFiles: AuditFileRetention;
  readonly auditRows: AuditRowRetention;
  /** For jobs that look at single events; `audit` is enough for figures. */
  readonly auditTrail: AuditTrailReader;
  readonly auditVerification: AuditVerification;
  readonly privacy: PrivacyStores;
  readonly reportFiles: ReportRetention;
  readonly runRetention: RunRetention;
}

export type StoreName = keyof StoreCatalog;
