import { hasCode } from '#core/errors';
import type { Database } from '#storage/database';
import type { AuditReader } from '../audit-store.ts';
import { createJsonlAuditReader } from './jsonl-audit-reader.ts';
import { createPostgresAuditReader } from './postgres-audit-reader.ts';

export interface AuditReaderSelection {
  readonly backend: 'postgres' | 'jsonl' | 'auto';
  /** Null where no database is configured; every backend then reads files. */
  readonly database: Database | null;
  readonly jsonlDir: string;
  /** `fail` for a directory that somebody configured, `empty` for the default one. */
  readonly whenJsonlDirMissing: 'fail' | 'empty';
  readonly tempDir: string;
}

/**
 * The reader of a backend. `auto` asks PostgreSQL and, while that is away, the
 * local files; what it then reads is known to be incomplete. A database that
 * answers but lacks the table is a mistake to mend, not an outage.
 */
export const createAuditReader = (selection: AuditReaderSelection): AuditReader => {
  const files = (sourceBackend: 'jsonl' | 'jsonl_fallback'): AuditReader =>
    createJsonlAuditReader({
      directory: selection.jsonlDir,
      whenMissing: sourceBackend === 'jsonl' ? selection.whenJsonlDirMissing : 'empty',
      tempDir: selection.tempDir,
      sourceBackend,
    });
  if (selection.database === null || selection.backend === 'jsonl') return files('jsonl');
  const postgres = createPostgresAuditReader({ database: selection.database });
  if (selection.backend === 'postgres') return postgres;
  return {
    async open(range) {
      try {
        return await postgres.open(range);
      } catch (error) {
        if (!hasCode(error, 'unavailable')) throw error;
        return files('jsonl_fallback').open(range);
      }
    },
  };
};
