import type { AuditEvent } from './audit-event.ts';

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
  /**
   * Several questions at once, answered in their order. Where a view has it,
   * questions that differ in their group keys alone cost one scan together.
   */
  aggregateAll?(
    queries: readonly AuditAggregateQuery[],
  ): Promise<readonly (readonly AuditAggregateRow[])[]>;
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

/** Both ends inclusive; instants, or RFC 3339 text as the reference's callers send it. */
export interface AuditReadQuery {
  readonly fromTs?: Date | string;
  readonly toTs?: Date | string;
  readonly tool?: string;
  readonly agentId?: string;
  readonly workspaceId?: string;
  /** From 1; 50,000 where nothing is said. With `desc` the newest of the range. */
  readonly limit?: number;
  /** By `ts`; events of one instant in the order in which they were stored. Default `asc`. */
  readonly order?: 'asc' | 'desc';
}

export interface AuditReading {
  readonly events: readonly AuditEvent[];
  readonly quality: AuditDataQuality;
}

/** What became of an event handed to `write`. */
export type WriteAnswer =
  | { readonly outcome: 'accepted' }
  /** `reason` names what is wrong and what is accepted; it never quotes a value. */
  | { readonly outcome: 'refused'; readonly reason: string };

export interface AuditStoreHealth {
  /** False: `/readyz` fails. */
  readonly ok: boolean;
  /** One sentence for an operator; no DSN, no payload. */
  readonly detail: string;
  /**
   * Which tool calls have to be answered with 503 because their audit event
   * could not be kept: none, those that change something (full disk, full
   * buffer), or all (`postgres` while its database is away).
   */
  readonly blocks: 'nothing' | 'changes' | 'everything';
  /** Events accepted but not yet where the backend keeps them. */
  readonly pendingEvents: number;
  /** Since the store was opened. */
  readonly acceptedEvents: number;
  readonly refusedEvents: number;
  readonly malformedEvents: number;
  /** Torn lines that were found and cut back. */
  readonly repairedLines: number;
  /** Changes between `postgres` and `jsonl_fallback`. */
  readonly failovers: number;
}

/** Everything that can be asked of the trail. */
export interface AuditTrailReader extends AuditReader {
  read(query: AuditReadQuery): Promise<AuditReading>;
  /** One question; use `open` for several about the same range. */
  aggregate(
    query: AuditAggregateQuery,
    signal?: AbortSignal,
  ): Promise<{
    readonly rows: readonly AuditAggregateRow[];
    readonly quality: AuditDataQuality;
  }>;
}

/**
 * The audit trail of tool calls. Backends: `jsonl`, `postgres`, `auto`,
 * `memory`, `null` (AUDIT_BACKEND); one contract suite runs against each.
 */
export interface AuditStore extends AuditTrailReader {
  /** Answers at once; never throws and never waits for I/O. Unknown keys are dropped, governance names translated. */
  write(event: unknown): WriteAnswer;
  /** Everything accepted before the call is durable when it resolves; rejects with `unavailable` when it cannot be. */
  flush(): Promise<void>;
  activeBackend(): AuditDataQuality['sourceBackend'];
  health(): AuditStoreHealth;
  /** Flushes what it can and stops. Idempotent. */
  close(): Promise<void>;
}
