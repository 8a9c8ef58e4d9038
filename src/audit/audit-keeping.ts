import type { Verification } from './chain/verify-trail.ts';

export type { Verification } from './chain/verify-trail.ts';

/** Something that was left as it is, with the reason. */
export interface Kept {
  /** File, day or table. */
  readonly what: string;
  readonly reason: string;
}

/** What closing days gave, which comes before each change. */
export interface Closing {
  readonly days: number;
  readonly lateDigests: number;
}

export interface CompactionOutcome {
  readonly closed: Closing;
  readonly compactedDays: number;
  readonly events: number;
  /** Of the lines, uncompressed, and of the Parquet files made of them. */
  readonly linesBytes: number;
  readonly parquetBytes: number;
  readonly upToDateDays: number;
  readonly kept: readonly Kept[];
}

export interface AuditCompaction {
  /**
   * Writes closed days as Parquet, each verified event by event before it
   * counts. A day that is not as it was digested is left alone and told.
   */
  compact(rule: {
    readonly now: Date;
    /** Only closed days of the last so many; all without. */
    readonly windowDays?: number;
    readonly signal: AbortSignal;
  }): Promise<CompactionOutcome>;
}

export interface FileRetentionOutcome {
  readonly closed: Closing;
  readonly deletedFiles: number;
  readonly compressedFiles: number;
  readonly freedBytes: number;
  readonly kept: readonly Kept[];
}

/** Ageing of the daily files. */
export interface AuditFileRetention {
  /**
   * Days older than `retentionDays` before `now`: the lines are deleted when a
   * Parquet file holds each of their events, else the file is replaced by its
   * `.gz`. Parquet files are deleted when older than `parquetDays`. Each removal
   * is written into the chain first. A directory without our marker, and a day
   * that is not as it was digested, are left alone.
   */
  apply(rule: {
    readonly now: Date;
    readonly retentionDays: number;
    /** Never, without. */
    readonly parquetDays?: number;
    readonly signal: AbortSignal;
  }): Promise<FileRetentionOutcome>;
}

export interface RowRetentionOutcome {
  readonly closed: Closing;
  readonly deletedRows: number;
  /** The last day whose rows were removed, now or before; null when none were. */
  readonly removedToDay: string | null;
  readonly kept: readonly Kept[];
}

/** Ageing of `tool_audit_events`. */
export interface AuditRowRetention {
  /**
   * Deletes the rows of whole closed days older than `retentionDays`, oldest
   * first, up to the first day that is not as it was digested.
   */
  apply(rule: {
    readonly now: Date;
    readonly retentionDays: number;
    readonly signal: AbortSignal;
  }): Promise<RowRetentionOutcome>;
}

export interface AuditVerification {
  /** Of each source that has a chain or events; days inclusive. Changes nothing. */
  verify(request: {
    readonly from?: string;
    readonly to?: string;
    /** All without. */
    readonly source?: Verification['source'];
    readonly now: Date;
    readonly signal: AbortSignal;
  }): Promise<readonly Verification[]>;
}
