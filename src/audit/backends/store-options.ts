import type { Clock } from '#core/clock';
import type { Database } from '#storage/database';
import type { AuditLog } from '../write/audit-log.ts';
import type { FsyncMode } from '../write/event-log.ts';

/** Where the daily files are, and what reading them takes. */
export interface FilePlaces {
  /** Where this process writes; ours. */
  readonly directory: string;
  /** Another directory with daily files, somebody else's or our former one; null for none. */
  readonly readAsWell: string | null;
  /** For copies and spilled data of questions. */
  readonly tempDir: string;
  readonly clock: Clock;
}

/** What the stores that keep events are made of. */
export interface StoreOptions extends FilePlaces {
  readonly fsync: FsyncMode;
  /** The longest pause between two attempts to reach PostgreSQL while it is away. */
  readonly recoveryMs: number;
  readonly logger: AuditLog;
}

export interface DatabaseStoreOptions extends StoreOptions {
  readonly database: Database;
}
