import { type Expectation, expectedUpTo } from '#occurrences/expected-occurrences';
import type { Declaration } from '#registry/declaration';
import type { Sql } from '#storage/database';
import type { Cursor, NewOccurrence } from './occurrence-ledger.ts';

export const expectationOf = ({ task, expects }: Declaration): Expectation => ({
  expects,
  followsOthers: task.schedule === null,
  lateAfterMs: task.lateAfterMs,
});

export interface CursorStep {
  readonly cursor: Cursor;
  readonly occurrences: readonly NewOccurrence[];
  readonly nextAt: Date | null;
}

/** Rows of one step: a task that was away for months opens them over several. */
const ROWS_PER_STEP = 2_000;

/** The next rows of a declaration whose cursor is due. */
export const nextStep = (cursor: Cursor, now: Date): CursorStep => {
  const { declaration, nextAt } = cursor.applied;
  if (nextAt === null) return { cursor, occurrences: [], nextAt: null };
  return {
    cursor,
    ...expectedUpTo(expectationOf(declaration), { nextAt, now, limit: ROWS_PER_STEP }),
  };
};

// Moves the cursors that are where they were read, and opens rows for those alone:
// a registry that was applied in between has opened them itself.
const ADVANCE = `
  WITH step AS (
    SELECT s.task_id, s.valid_from, s.seen, s.next_at FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
      AS s (task_id, valid_from, seen, next_at)),
  moved AS (
    UPDATE task_declarations d SET next_at = step.next_at FROM step
    WHERE d.task_id = step.task_id AND d.valid_from = step.valid_from AND d.valid_to IS NULL
      AND d.next_at = step.seen
    RETURNING d.task_id)
  INSERT INTO occurrences (task_id, scheduled_for, due_at, late_at)
  SELECT o.task_id, o.scheduled_for, o.due_at, o.late_at
  FROM unnest($5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
    AS o (task_id, scheduled_for, due_at, late_at)
  JOIN moved USING (task_id)
  ON CONFLICT DO NOTHING`;

export const advanceCursors = async (sql: Sql, steps: readonly CursorStep[]): Promise<void> => {
  if (steps.length === 0) return;
  const rows = steps.flatMap(({ cursor, occurrences }) =>
    occurrences.map((occurrence) => ({ taskId: cursor.taskId, ...occurrence })),
  );
  await sql.execute(ADVANCE, [
    steps.map(({ cursor }) => cursor.taskId),
    steps.map(({ cursor }) => cursor.applied.validFrom),
    steps.map(({ cursor }) => cursor.applied.nextAt),
    steps.map(({ nextAt }) => nextAt),
    rows.map(({ taskId }) => taskId),
    rows.map(({ scheduledFor }) => scheduledFor),
    rows.map(({ dueAt }) => dueAt),
    rows.map(({ lateAt }) => lateAt),
  ]);
};
