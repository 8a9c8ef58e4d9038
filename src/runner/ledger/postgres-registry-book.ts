import type { TaskId } from '#core/ids';
import type { Sql } from '#storage/database';
import {
  CURRENT_REVISION,
  DECLARATION_COLUMNS,
  type DeclarationRow,
  type RevisionRow,
  toApplied,
  toCursor,
  toRevision,
} from './declaration-row.ts';
import { advanceCursors, nextStep } from './expected-rows.ts';
import type { RegistryBook } from './occurrence-ledger.ts';

// Milliseconds, since a Date holds no more; and after every moment that was used
// before, so that two registries applied at once still follow each other.
const NOW = `
  SELECT GREATEST(date_trunc('milliseconds', clock_timestamp()),
    (SELECT max(applied_at) + interval '1 millisecond' FROM registry_revisions)) AS now`;

const DUE = `
  SELECT ${DECLARATION_COLUMNS} FROM task_declarations
  WHERE valid_to IS NULL AND task_id = ANY ($1) AND next_at <= $2`;

const ENACT = `
  INSERT INTO task_declarations (task_id, valid_from, revision, digest, declaration, next_at)
  SELECT d.task_id, $1, $2, d.digest, d.declaration::jsonb, d.next_at
  FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[])
    AS d (task_id, digest, declaration, next_at)`;

/** Works within the transaction that holds the registry's lock. */
export const openRegistryBook = async (sql: Sql): Promise<RegistryBook> => {
  const [clock] = await sql.query<{ now: Date }>(NOW);
  if (clock === undefined) throw new Error('unreachable: the clock has no row');
  const { now } = clock;

  const openExpected = async (taskIds: readonly TaskId[]): Promise<void> => {
    for (;;) {
      const due = await sql.query<DeclarationRow>(DUE, [taskIds, now]);
      if (due.length === 0) return;
      await advanceCursors(
        sql,
        due.map((row) => nextStep(toCursor(row), now)),
      );
    }
  };

  return {
    now,
    openExpected,

    async findRevision() {
      const [row] = await sql.query<RevisionRow>(CURRENT_REVISION);
      return row === undefined ? null : toRevision(row);
    },

    async listApplied() {
      const rows = await sql.query<DeclarationRow>(
        `SELECT ${DECLARATION_COLUMNS} FROM task_declarations WHERE valid_to IS NULL`,
      );
      return new Map(rows.map((row) => [row.task_id, toApplied(row)]));
    },

    async retire(taskIds) {
      await sql.execute(
        'UPDATE task_declarations SET valid_to = $2 WHERE task_id = ANY ($1) AND valid_to IS NULL',
        [taskIds, now],
      );
    },

    async record({ digest, reconcile, appliedBy, changes }) {
      const [row] = await sql.query<{ revision: number }>(
        `INSERT INTO registry_revisions (digest, reconcile, applied_by, applied_at, changes)
         VALUES ($1, $2, $3, $4, $5) RETURNING revision`,
        [digest, reconcile, appliedBy, now, JSON.stringify(changes)],
      );
      return Number(row?.revision);
    },

    async enact(revision, declarations) {
      await sql.execute(ENACT, [
        now,
        revision,
        declarations.map(({ declaration }) => declaration.task.id),
        declarations.map(({ digest }) => digest),
        declarations.map(({ declaration }) => JSON.stringify(declaration)),
        declarations.map(({ nextAt }) => nextAt),
      ]);
    },
  };
};
