/** A column by which tool calls can be broken down. */
export type AuditDimension = 'tool' | 'agent_id' | 'user_id' | 'workspace_id' | 'status';

/** What a status counts as; synonyms are read as one of the first four, anything else as `other`. */
export type CallStatus = 'pass' | 'error' | 'denied' | 'timeout' | 'other';

/** Half-open `[from, to)`. */
export interface AuditAggregateQuery {
  readonly from: Date;
  readonly to: Date;
  /** Group keys; empty for one row over all. */
  readonly groupBy: readonly AuditDimension[];
  /** Also group by buckets of this many milliseconds, counted from `from`. */
  readonly bucketMs?: number;
  /** Only calls whose status counts as one of these. */
  readonly statuses?: readonly CallStatus[];
  /**
   * With `tool` among the group keys: only these tools are told apart, all
   * others form one group whose key has no `tool`. Keeps the answer small when
   * the caller treats the others alike.
   */
  readonly toolsApart?: readonly string[];
  /** Also compute `p95DurationMs`: exact, linearly interpolated between neighbours. */
  readonly withP95?: boolean;
}

/** Sums are integers, so that they are equal on every backend and in every order. */
export interface AuditAggregateRow {
  readonly key: Readonly<Partial<Record<AuditDimension, string>>>;
  /** Start of the bucket, when `bucketMs` was asked for. */
  readonly bucketAt?: Date;
  readonly calls: number;
  readonly durationMsSum: number;
  /** Calls whose status counts as `error` or `timeout`. */
  readonly failed: number;
  readonly denied: number;
  readonly p95DurationMs?: number;
}

/** A line that could not be counted. */
export interface RejectedLine {
  /** Name of the day's `.jsonl` without its folder, also when it was read from the `.gz`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What a reader found out about its own data while it was opened. */
export interface AuditDataQuality {
  readonly sourceBackend: 'postgres' | 'jsonl' | 'jsonl_fallback' | 'memory' | 'null';
  /** Data of the range is known to be missing: a cut archive, an unreadable file. */
  readonly partial: boolean;
  /** The first 100, in order of file and line. */
  readonly rejected: readonly RejectedLine[];
  readonly rejectedCount: number;
  /** Why `partial` holds, one sentence each. */
  readonly problems: readonly string[];
}

/** Tool calls of a range, opened once and asked many times. */
export interface AuditView {
  readonly quality: AuditDataQuality;
  /** Rows in total order of bucket and key. The query's range lies inside the view's. */
  aggregate(query: AuditAggregateQuery): Promise<readonly AuditAggregateRow[]>;
  close(): Promise<void>;
}

export interface AuditReader {
  /** Throws `unavailable` when the backend is away, `invalid_input` when `from` is after `to`. */
  open(range: {
    readonly from: Date;
    readonly to: Date;
    readonly signal: AbortSignal;
  }): Promise<AuditView>;
}

export interface RetentionOutcome {
  readonly deletedFiles: number;
  readonly compressedFiles: number;
  readonly freedBytes: number;
  /** Files kept on purpose, with the reason. */
  readonly kept: readonly { readonly file: string; readonly reason: string }[];
}

/** Ageing of the daily JSONL files. */
export interface AuditFileRetention {
  /**
   * Days older than `retentionDays` before `now`: the file is deleted when a
   * Parquet file of the day with the same number of events exists, else it is
   * replaced by its `.gz`. A directory without our marker is left alone.
   */
  apply(rule: {
    readonly now: Date;
    readonly retentionDays: number;
    readonly signal: AbortSignal;
  }): Promise<RetentionOutcome>;
}
