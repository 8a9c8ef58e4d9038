import { nextOccurrence } from '#occurrences/occurrence-times';
import type { Declaration } from '#registry/declaration';
import type { Sql } from '#storage/database';

/**
 * Makes the registry in force look as if it had been applied `ms` milliseconds
 * earlier and nothing had run since: what a downtime leaves in the ledger.
 */
export const backdateDeclarations = async (sql: Sql, ms: number): Promise<void> => {
  const since = new Date(Date.now() - ms);
  const rows = await sql.query<{ task_id: string; declaration: Declaration }>(
    'SELECT task_id, declaration FROM task_declarations WHERE valid_to IS NULL',
  );
  for (const { task_id: taskId, declaration } of rows)
    await sql.execute(
      `UPDATE task_declarations SET valid_from = $2, next_at = $3 WHERE task_id = $1 AND valid_to IS NULL`,
      [
        taskId,
        since,
        declaration.expects === null ? null : nextOccurrence(declaration.expects, since),
      ],
    );
};
