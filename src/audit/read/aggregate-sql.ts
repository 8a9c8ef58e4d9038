import { AppError } from '#core/errors';
import type { AuditAggregateQuery, AuditAggregateRow, AuditDimension } from '../audit-store.ts';

/** The few words in which DuckDB and PostgreSQL differ. */
export interface SqlDialect {
  /** Relation with `ts, tool, agent_id, user_id, workspace_id, status, duration_ms`; `status` already a CallStatus. */
  readonly callsRelation: string;
  /** Which bucket of `bucketMs` since `fromMs` the column `ts` lies in, as an integer expression. */
  bucketIndex(fromMs: number, bucketMs: number): string;
}

export interface AggregateStatement {
  readonly text: string;
  readonly values: readonly string[];
}

/** A row as both engines give it. */
export interface RawAggregateRow {
  readonly bucket?: number | null;
  readonly calls: number;
  readonly duration_ms_sum: number;
  readonly failed: number;
  readonly denied: number;
  readonly p95?: number | null;
  readonly [key: string]: unknown;
}

const COLUMNS: Readonly<Record<AuditDimension, string>> = {
  tool: 'tool',
  agent_id: 'agent_id',
  user_id: 'user_id',
  workspace_id: 'workspace_id',
  status: 'status',
};

const keyExpression = (
  dimension: AuditDimension,
  toolPlaceholders: readonly string[] | undefined,
): string => {
  if (dimension !== 'tool' || toolPlaceholders === undefined) return COLUMNS[dimension];
  if (toolPlaceholders.length === 0) return 'CAST(NULL AS text)';
  return `CASE WHEN tool IN (${toolPlaceholders.join(', ')}) THEN tool END`;
};

/** One statement for both engines, so that a figure cannot mean two things. */
export const aggregateStatement = (
  query: AuditAggregateQuery,
  dialect: SqlDialect,
): AggregateStatement => {
  const toolsApart = query.toolsApart?.filter((tool) => !tool.includes('\0'));
  const toolPlaceholders = toolsApart?.map((_tool, index) => `$${index + 3}`);
  const keys = query.groupBy.map(
    (dimension) => `${keyExpression(dimension, toolPlaceholders)} AS key_${dimension}`,
  );
  const bucket =
    query.bucketMs === undefined
      ? []
      : [`${dialect.bucketIndex(query.from.getTime(), query.bucketMs)} AS bucket`];
  const grouping = [...keys, ...bucket];
  const usesTools = query.groupBy.includes('tool') && (toolsApart?.length ?? 0) > 0;
  const text = `SELECT ${[
    ...grouping,
    'CAST(count(*) AS double precision) AS calls',
    'CAST(sum(duration_ms) AS double precision) AS duration_ms_sum',
    "CAST(count(*) FILTER (WHERE status IN ('error', 'timeout')) AS double precision) AS failed",
    "CAST(count(*) FILTER (WHERE status = 'denied') AS double precision) AS denied",
    ...(query.withP95 === true
      ? ['percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95']
      : []),
  ].join(', ')}
FROM ${dialect.callsRelation} AS calls
WHERE ts >= CAST($1 AS timestamptz) AND ts < CAST($2 AS timestamptz)
${query.statuses === undefined ? '' : `AND status IN (${query.statuses.map((s) => `'${s}'`).join(', ') || "''"})`}
${grouping.length === 0 ? '' : `GROUP BY ${grouping.map((_, index) => index + 1).join(', ')}`}
HAVING count(*) > 0`;
  return {
    text,
    values: [
      query.from.toISOString(),
      query.to.toISOString(),
      ...(usesTools ? (toolsApart ?? []) : []),
    ],
  };
};

/**
 * A 95th percentile between two integers is a multiple of 1/20. Engines
 * interpolate with rounding errors of their own; this takes them away.
 */
const exactP95 = (value: number): number => Math.round(value * 20) / 20;

const toRow = (query: AuditAggregateQuery, raw: RawAggregateRow): AuditAggregateRow => {
  const key: Partial<Record<AuditDimension, string>> = {};
  for (const dimension of query.groupBy) {
    const value = raw[`key_${dimension}`];
    if (typeof value === 'string') key[dimension] = value;
  }
  return {
    key,
    calls: raw.calls,
    durationMsSum: raw.duration_ms_sum,
    failed: raw.failed,
    denied: raw.denied,
    ...(query.bucketMs === undefined
      ? {}
      : { bucketAt: new Date(query.from.getTime() + Number(raw.bucket) * query.bucketMs) }),
    ...(typeof raw.p95 === 'number' ? { p95DurationMs: exactP95(raw.p95) } : {}),
  };
};

const compareKeys = (a: string | undefined, b: string | undefined): number => {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -1 : 1;
};

/** Sorted here and not by the engines, whose collations differ. */
export const toAggregateRows = (
  query: AuditAggregateQuery,
  raws: readonly RawAggregateRow[],
): readonly AuditAggregateRow[] =>
  raws
    .map((raw) => toRow(query, raw))
    .sort((a, b) => {
      const byBucket = (a.bucketAt?.getTime() ?? 0) - (b.bucketAt?.getTime() ?? 0);
      if (byBucket !== 0) return byBucket;
      for (const dimension of query.groupBy) {
        const byKey = compareKeys(a.key[dimension], b.key[dimension]);
        if (byKey !== 0) return byKey;
      }
      return 0;
    });

export interface Range {
  readonly from: Date;
  readonly to: Date;
}

/** Throws `invalid_input` when the range ends before it starts. */
export const assertRange = (range: Range): void => {
  if (range.from.getTime() > range.to.getTime()) {
    throw new AppError(
      'invalid_input',
      `The range starts at ${range.from.toISOString()}, after its end ${range.to.toISOString()}; from must not be after to.`,
    );
  }
};

/** Throws `invalid_input` for a query that the view cannot answer. */
export const assertQuery = (query: AuditAggregateQuery, view: Range): void => {
  assertRange(query);
  if (query.from < view.from || query.to > view.to) {
    throw new AppError(
      'invalid_input',
      `The question reaches over ${query.from.toISOString()} to ${query.to.toISOString()}, outside of what was opened (${view.from.toISOString()} to ${view.to.toISOString()}).`,
    );
  }
  if (
    query.bucketMs !== undefined &&
    !(Number.isSafeInteger(query.bucketMs) && query.bucketMs > 0)
  ) {
    throw new AppError('invalid_input', 'bucketMs must be a whole number of milliseconds above 0.');
  }
};
