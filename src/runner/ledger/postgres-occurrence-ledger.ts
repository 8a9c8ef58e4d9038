import type { TaskId } from '#core/ids';
import type { Database } from '#storage/database';
import {
  CURRENT_REVISION,
  DECLARATION_COLUMNS,
  type DeclarationRow,
  type RevisionRow,
  toApplied,
  toCursor,
  toRevision,
} from './declaration-row.ts';
import { advanceCursors } from './expected-rows.ts';
import type { OccurrenceLedger } from './occurrence-ledger.ts';
import { openRegistryBook } from './postgres-registry-book.ts';
import { openTaskBook } from './postgres-task-book.ts';
import { lockTask } from './task-lock.ts';

const UNSETTLED = `
  SELECT DISTINCT task_id FROM occurrences
  WHERE state = 'open' AND run_id IS NULL AND due_at <= $1::timestamptz AND task_id > $2
    AND (due_at <> scheduled_for OR due_at <= $1::timestamptz - make_interval(secs => $4 / 1000.0))
  ORDER BY task_id LIMIT $3`;

// A predecessor without a row (it was declared later, or its rows are pruned) is waited for
// an hour: its own may still be opened. After that the decision is made without it.
const RELEASED = `
  SELECT o.task_id, o.scheduled_for FROM occurrences o
  LEFT JOIN task_declarations d ON d.task_id = o.task_id AND d.valid_to IS NULL
  WHERE o.state = 'open' AND o.run_id IS NULL AND o.due_at IS NULL
    AND NOT EXISTS (
      SELECT 1 FROM jsonb_array_elements_text(d.declaration -> 'task' -> 'after') AS a (task_id)
      LEFT JOIN occurrences p ON p.task_id = a.task_id AND p.scheduled_for = o.scheduled_for
      WHERE p.state = 'open' OR (p.state IS NULL AND o.opened_at > now() - interval '1 hour'))
  ORDER BY o.scheduled_for LIMIT $1`;

export const createOccurrenceLedger = (database: Database): OccurrenceLedger => ({
  async now() {
    const [row] = await database.query<{ now: Date }>(
      `SELECT date_trunc('milliseconds', now()) AS now`,
    );
    if (row === undefined) throw new Error('unreachable: the clock has no row');
    return row.now;
  },

  withTask: (taskId, work) =>
    database.transaction(async (sql) => {
      await lockTask(sql, taskId);
      return work(openTaskBook(sql, taskId));
    }),

  withRegistry: (work) =>
    database.transaction(async (sql) => {
      await sql.execute(`SELECT pg_advisory_xact_lock(hashtextextended('opsloop registry', 0))`);
      return work(await openRegistryBook(sql));
    }),

  asLeader: (role, work) =>
    database.transaction(async (sql) => {
      const [lock] = await sql.query<{ taken: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended('opsloop ' || $1, 0)) AS taken`,
        [role],
      );
      return lock?.taken === true ? work() : null;
    }),

  async findRevision() {
    const [row] = await database.query<RevisionRow>(CURRENT_REVISION);
    return row === undefined ? null : toRevision(row);
  },

  async listDeclarations() {
    const rows = await database.query<DeclarationRow>(
      `SELECT ${DECLARATION_COLUMNS} FROM task_declarations WHERE valid_to IS NULL ORDER BY task_id`,
    );
    return rows.map(toApplied);
  },

  async listQueueNames() {
    const rows = await database.query<{ name: string }>(
      `SELECT DISTINCT declaration ->> 'queueName' AS name FROM task_declarations`,
    );
    return rows.map(({ name }) => name);
  },

  async listCursors(now, limit) {
    const rows = await database.query<DeclarationRow>(
      `SELECT ${DECLARATION_COLUMNS} FROM task_declarations
       WHERE valid_to IS NULL AND next_at <= $1 ORDER BY next_at LIMIT $2`,
      [now, limit],
    );
    return rows.map(toCursor);
  },

  advance: (steps) => advanceCursors(database, steps),

  async listUnsettledTasks(now, { after, limit, graceMs }) {
    const values = [now, after, limit, graceMs];
    const rows = await database.query<{ task_id: string }>(UNSETTLED, values);
    return rows.map((row) => row.task_id as TaskId);
  },

  async listReleasedOccurrences(limit) {
    const rows = await database.query<{ task_id: string; scheduled_for: Date }>(RELEASED, [limit]);
    return rows.map((row) => ({
      taskId: row.task_id as TaskId,
      scheduledFor: row.scheduled_for,
    }));
  },
});
