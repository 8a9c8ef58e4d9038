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
  /** One bit per key of the statement, the first key highest; set where the row is not grouped by it. */
  readonly grouping: number;
  readonly bucket?: number | null;
  readonly calls: number;
  readonly duration_ms_sum: number;
  readonly failed: number;
  readonly denied: number;
  readonly p95?: number | null;
  readonly [key: string]: unknown;
}

/** Queries that differ in their group keys alone, so that one scan answers them all. */
interface SharedScan {
  readonly first: AuditAggregateQuery;
  /** Where in the list of questions each of them stands. */
  readonly members: { readonly index: number; readonly query: AuditAggregateQuery }[];
}

/** Keys that tell rows apart; tools that are all treated alike do not. */
const groupKeysOf = (query: AuditAggregateQuery): readonly AuditDimension[] =>
  query.groupBy.filter(
    (dimension) =>
      dimension !== 'tool' || query.toolsApart === undefined || toolsOf(query).length > 0,
  );

const toolsOf = (query: AuditAggregateQuery): readonly string[] =>
  (query.toolsApart ?? []).filter((tool) => !tool.includes('\0'));

/** The tools that a query keeps apart; undefined where it tells all apart or none. */
const toolsToldApart = (query: AuditAggregateQuery): readonly string[] | undefined =>
  query.groupBy.includes('tool') && toolsOf(query).length > 0 ? toolsOf(query) : undefined;

const scanKeyOf = (query: AuditAggregateQuery): string =>
  JSON.stringify([
    query.from.getTime(),
    query.to.getTime(),
    query.bucketMs ?? null,
    query.statuses ?? null,
    query.withP95 === true,
    toolsToldApart(query) ?? null,
  ]);

/** Whole tools and tools kept apart cannot be grouped in one scan, so each has one of its own. */
const toScans = (queries: readonly AuditAggregateQuery[]): readonly SharedScan[] => {
  const scans = new Map<string, SharedScan>();
  for (const [index, query] of queries.entries()) {
    const key = scanKeyOf(query);
    const scan = scans.get(key) ?? { first: query, members: [] };
    scan.members.push({ index, query });
    scans.set(key, scan);
  }
  return [...scans.values()];
};

const keyExpression = (
  dimension: AuditDimension,
  toolPlaceholders: readonly string[] | undefined,
): string =>
  dimension !== 'tool' || toolPlaceholders === undefined
    ? dimension
    : `CASE WHEN tool IN (${toolPlaceholders.join(', ')}) THEN tool END`;

/** Group keys of a scan in a fixed order, the one of the bits of `grouping`. */
const keysOf = (scan: SharedScan): readonly AuditDimension[] => [
  ...new Set(scan.members.flatMap(({ query }) => groupKeysOf(query))),
];

const holdsAll = (outer: readonly AuditDimension[], inner: readonly AuditDimension[]): boolean =>
  inner.every((key) => outer.includes(key));

/**
 * The group keys by which a query is asked: its own, or those of a neighbour
 * that tells more apart, whose rows add up to its own. Percentiles do not add up.
 */
const askedKeysOf = (scan: SharedScan, query: AuditAggregateQuery): readonly AuditDimension[] => {
  const own = groupKeysOf(query);
  if (query.withP95 === true) return own;
  return scan.members
    .map((member) => groupKeysOf(member.query))
    .reduce(
      (finest, keys) => (keys.length > finest.length && holdsAll(keys, finest) ? keys : finest),
      own,
    );
};

/** One statement for both engines, so that a figure cannot mean two things. */
const statementOf = (scan: SharedScan, dialect: SqlDialect): AggregateStatement => {
  const { first: query } = scan;
  const keys = keysOf(scan);
  const tools = toolsToldApart(query);
  const placeholders = tools?.map((_tool, index) => `$${index + 3}`);
  const bucket = query.bucketMs === undefined ? [] : ['bucket'];
  const sets = scan.members.map(
    ({ query: member }) =>
      // In one order, so that the same keys are one set.
      `(${[...keys.filter((key) => askedKeysOf(scan, member).includes(key)).map((key) => `key_${key}`), ...bucket].join(', ')})`,
  );
  const keyed = [
    ...keys.map((dimension) => `${keyExpression(dimension, placeholders)} AS key_${dimension}`),
    ...(query.bucketMs === undefined
      ? []
      : [`${dialect.bucketIndex(query.from.getTime(), query.bucketMs)} AS bucket`]),
    'duration_ms',
    'status',
  ];
  const text = `SELECT ${[
    ...keys.map((dimension) => `key_${dimension}`),
    ...bucket.map((name) => `CAST(${name} AS double precision) AS ${name}`),
    keys.length === 0
      ? 'CAST(0 AS double precision) AS grouping'
      : `CAST(GROUPING(${keys.map((dimension) => `key_${dimension}`).join(', ')}) AS double precision) AS grouping`,
    'CAST(count(*) AS double precision) AS calls',
    'CAST(sum(duration_ms) AS double precision) AS duration_ms_sum',
    "CAST(count(*) FILTER (WHERE status IN ('error', 'timeout')) AS double precision) AS failed",
    "CAST(count(*) FILTER (WHERE status = 'denied') AS double precision) AS denied",
    ...(query.withP95 === true
      ? ['percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95']
      : []),
  ].join(', ')}
FROM (SELECT ${keyed.join(', ')} FROM ${dialect.callsRelation} AS calls
WHERE ts >= CAST($1 AS timestamptz) AND ts < CAST($2 AS timestamptz)
${query.statuses === undefined ? '' : `AND status IN (${query.statuses.map((s) => `'${s}'`).join(', ') || "''"})`}) AS keyed
GROUP BY GROUPING SETS (${[...new Set(sets)].join(', ')})
HAVING count(*) > 0`;
  return {
    text,
    values: [query.from.toISOString(), query.to.toISOString(), ...(tools ?? [])],
  };
};

/**
 * A 95th percentile between two integers is a multiple of 1/20. Engines
 * interpolate with rounding errors of their own; this takes them away.
 */
const exactP95 = (value: number): number => Math.round(value * 20) / 20;

const toRow = (query: AuditAggregateQuery, raw: RawAggregateRow): AuditAggregateRow => {
  const key: Partial<Record<AuditDimension, string>> = {};
  for (const dimension of groupKeysOf(query)) {
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
const sortRows = (
  query: AuditAggregateQuery,
  rows: readonly AuditAggregateRow[],
): readonly AuditAggregateRow[] =>
  [...rows].sort((a, b) => {
    const byBucket = (a.bucketAt?.getTime() ?? 0) - (b.bucketAt?.getTime() ?? 0);
    if (byBucket !== 0) return byBucket;
    for (const dimension of query.groupBy) {
      const byKey = compareKeys(a.key[dimension], b.key[dimension]);
      if (byKey !== 0) return byKey;
    }
    return 0;
  });

/** The bits that rows of a query carry among those of its scan. */
const groupingOf = (scan: SharedScan, query: AuditAggregateQuery): number => {
  const own = new Set(askedKeysOf(scan, query));
  return keysOf(scan).reduce((bits, key) => bits * 2 + (own.has(key) ? 0 : 1), 0);
};

/** Rows that differ only in what the query does not ask for become one. */
const addUp = (
  query: AuditAggregateQuery,
  rows: readonly AuditAggregateRow[],
): readonly AuditAggregateRow[] => {
  const sums = new Map<string, AuditAggregateRow>();
  for (const row of rows) {
    const id = JSON.stringify([row.bucketAt, ...query.groupBy.map((key) => row.key[key] ?? null)]);
    const sum = sums.get(id);
    sums.set(
      id,
      sum === undefined
        ? row
        : {
            ...sum,
            calls: sum.calls + row.calls,
            durationMsSum: sum.durationMsSum + row.durationMsSum,
            failed: sum.failed + row.failed,
            denied: sum.denied + row.denied,
          },
    );
  }
  return [...sums.values()];
};

/**
 * Answers the questions in their order, with as few scans as they allow: those
 * that differ in their group keys alone share one.
 */
export const answerAll = async (
  queries: readonly AuditAggregateQuery[],
  dialect: SqlDialect,
  ask: (statement: AggregateStatement) => Promise<readonly RawAggregateRow[]>,
): Promise<readonly (readonly AuditAggregateRow[])[]> => {
  const answers: (readonly AuditAggregateRow[])[] = queries.map(() => []);
  for (const scan of toScans(queries)) {
    const raws = await ask(statementOf(scan, dialect));
    for (const { index, query } of scan.members) {
      const bits = groupingOf(scan, query);
      const rows = raws.filter((raw) => raw.grouping === bits).map((raw) => toRow(query, raw));
      const isFiner = askedKeysOf(scan, query).length > groupKeysOf(query).length;
      answers[index] = sortRows(query, isFiner ? addUp(query, rows) : rows);
    }
  }
  return answers;
};

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
