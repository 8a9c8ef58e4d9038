import type { TaskId } from '#core/ids';
import type { Declaration } from '#registry/declaration';
import type { ReconcilePolicy } from '#registry/task';
import type { AppliedDeclaration, Cursor, Revision } from './occurrence-ledger.ts';

/** A row of `task_declarations` as the driver hands it over. */
export interface DeclarationRow {
  readonly task_id: string;
  readonly declaration: Declaration;
  readonly digest: string;
  readonly valid_from: Date;
  readonly next_at: Date | null;
}

export const DECLARATION_COLUMNS = 'task_id, declaration, digest, valid_from, next_at';

export const toApplied = (row: DeclarationRow): AppliedDeclaration => ({
  declaration: row.declaration,
  digest: row.digest,
  validFrom: row.valid_from,
  nextAt: row.next_at,
});

export const toCursor = (row: DeclarationRow): Cursor => ({
  taskId: row.task_id as TaskId,
  applied: toApplied(row),
});

export interface RevisionRow {
  readonly revision: number;
  readonly digest: string;
  readonly reconcile: ReconcilePolicy;
  readonly applied_at: Date;
  readonly applied_by: string;
}

export const CURRENT_REVISION = `
  SELECT revision, digest, reconcile, applied_at, applied_by FROM registry_revisions
  ORDER BY revision DESC LIMIT 1`;

export const toRevision = (row: RevisionRow): Revision => ({
  revision: Number(row.revision),
  digest: row.digest,
  reconcile: row.reconcile,
  appliedAt: row.applied_at,
  appliedBy: row.applied_by,
});
