import type { AuditEventSource } from './audit/event-source.ts';
import type { FindingBook } from './digest/finding-book.ts';
import type { RetentionProbe } from './retention/store-ages.ts';

/** What privacy looks at beside the audit trail. */
export interface PrivacyStores {
  /** REPO_ROOT. */
  readonly repoRoot: string;
  readonly retention: RetentionProbe;
  readonly findings: FindingBook;
}

/** Everything that privacy looks at. */
export interface PrivacySources extends PrivacyStores {
  readonly events: AuditEventSource;
}
