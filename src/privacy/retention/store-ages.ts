/** What is in a store and how old it is. */
export interface StoreAge {
  readonly store: StoreName;
  /** Null for an empty store, or one that could not be looked at. */
  readonly oldestAt: Date | null;
  /** Files or rows; null where counting them would cost more than it tells. */
  readonly records: number | null;
  /** False for a directory that is read and never cleaned, because it is somebody else's. */
  readonly isOurs: boolean;
  /** Why the store could not be looked at, in public words. */
  readonly fault: string | null;
}

export type StoreName =
  | 'audit_jsonl'
  | 'audit_parquet'
  | 'audit_postgres'
  | 'reports'
  | 'run_ledger';

/** A task that cleans up, as the registry has it. */
export interface CleanupTask {
  readonly id: string;
  readonly enabled: boolean;
}

/** What the retention check asks of the running system. */
export interface RetentionFacts {
  readonly ages: readonly StoreAge[];
  /** Null where the registry is not known. */
  readonly tasks: readonly CleanupTask[] | null;
  /** The longest `keep_runs` of any task, in days. */
  readonly keepRunsDays: number | null;
}

export interface RetentionProbe {
  look(signal: AbortSignal): Promise<RetentionFacts>;
}
