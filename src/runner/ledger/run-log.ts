import type { RunId } from '#core/ids';
import type { JsonObject } from '#core/json';
import type { Sql } from '#storage/database';
import type { RunLogLine } from '../runs.ts';

/** A line longer than this is cut; a run keeps at most this many lines. */
export const MAX_LINE_CHARS = 2_000;
export const MAX_LINES = 10_000;
const PAGE = 1_000;

export interface NewLogLine {
  readonly at: Date;
  readonly level: RunLogLine['level'];
  readonly line: string;
}

export const appendLogLines = async (
  sql: Sql,
  runId: RunId,
  lines: readonly NewLogLine[],
): Promise<void> => {
  await sql.execute(
    `INSERT INTO task_run_logs (run_id, at, level, line)
     SELECT $1, l.at, l.level, l.line
     FROM unnest($2::timestamptz[], $3::text[], $4::text[]) WITH ORDINALITY AS l (at, level, line, n)
     ORDER BY l.n`,
    [
      runId,
      lines.map(({ at }) => at),
      lines.map(({ level }) => level),
      lines.map(({ line }) => line),
    ],
  );
};

export const readLogLines = async (
  sql: Sql,
  runId: RunId,
  afterSeq: number,
): Promise<readonly RunLogLine[]> => {
  const rows = await sql.query<RunLogLine>(
    `SELECT seq, at, level, line FROM task_run_logs WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [runId, afterSeq, PAGE],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
};

export const saveProgress = async (sql: Sql, runId: RunId, progress: JsonObject): Promise<void> => {
  await sql.execute(`UPDATE task_runs SET progress = $2 WHERE id = $1 AND state = 'running'`, [
    runId,
    JSON.stringify(progress),
  ]);
};
