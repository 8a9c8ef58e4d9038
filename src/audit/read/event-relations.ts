import { sqlLiteral } from '#storage/duckdb/analytics-session';
import { statusClassSql } from '../call-status.ts';

/**
 * SQL that reads one audit file as rows of
 * `n, ts, tool, agent_id, user_id, workspace_id, status, status_raw, duration_ms, identity, reason, own_ts, digest`:
 * `reason` says why the line does not count and is NULL for one that does.
 * `numbered` relations fill `n`, `own_ts` and `digest`, which costs a pass on
 * one thread and is needed for bad lines only. None of them filters on what it
 * computes: DuckDB would compute it a second time for the filter.
 */
export interface RelationOptions {
  readonly file: string;
  readonly numbered: boolean;
  /** Fill `identity`, the digest of all fields by which two forms of a day are compared. */
  readonly withIdentity: boolean;
}

/** Longest line that counts, in bytes; an event without payload is a few hundred. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** The reason of a line of white space, which is neither an event nor a fault. */
export const BLANK_LINE = 'blank';

/** What the figures need. The other fields of an event may be absent from files of other writers. */
const REQUIRED_STRINGS = ['ts', 'workspace_id', 'user_id', 'agent_id', 'tool', 'status'] as const;
const IDENTITY_STRINGS = [
  'req_id',
  'action',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
] as const;
/** Governance names of the same sizes (02-audit-trail, "Event"). */
const SIZES = [
  ['in_size', 'input_chars'],
  ['out_size', 'output_size_bytes'],
] as const;

/** `duration_ms` is an `INT` column in the table this format shares. */
const MAX_DURATION_MS = 2_147_483_647;

const JSON_SHAPE = JSON.stringify(
  Object.fromEntries(
    [...REQUIRED_STRINGS, 'duration_ms', ...IDENTITY_STRINGS, ...SIZES.flat()].map((field) => [
      field,
      'JSON',
    ]),
  ),
);

const NARROW_JSON_SHAPE = JSON.stringify(
  Object.fromEntries([...REQUIRED_STRINGS, 'duration_ms'].map((field) => [field, 'JSON'])),
);

/** The text of a JSON string; decoding is left to the few that hold an escape. */
export const unquoted = (json: string): string =>
  `CASE WHEN contains(${json}, '\\') THEN TRY(CAST(${json} AS JSON)->>'$') ELSE substr(${json}, 2, length(${json}) - 2) END`;

/**
 * An instant of RFC 3339 or ISO 8601; without an offset it is UTC. Shorter text
 * lacks a time of day or is one of DuckDB's words, such as `epoch`.
 */
export const instantOf = (text: string): string =>
  `CASE WHEN strlen(${text}) BETWEEN 19 AND 40 THEN TRY_CAST(${text} AS TIMESTAMPTZ) END`;

/** Whole milliseconds of a number that is not NULL for being something else. */
export const durationOf = (number: string): string =>
  `CASE WHEN isfinite(${number}) AND ${number} BETWEEN 0 AND ${MAX_DURATION_MS} THEN CAST(round(${number}) AS INTEGER) END`;

/** What DuckDB's own reader of JSON passes over around a value. */
const SPACE = `' ' || chr(9) || chr(11) || chr(12)`;

const identityOf = (fields: readonly string[]): string =>
  `md5_number(concat_ws(chr(31), ${fields.map((field) => `coalesce(CAST(${field} AS VARCHAR), chr(30))`).join(', ')}))`;

const missingOrWrong = (field: string): string =>
  `WHEN ${field}_json IS NULL OR ${field}_json = 'null' THEN '${field} is missing' WHEN ${field}_json[1] <> '"' THEN '${field} is not a string'`;

/** One cheap test for the many good lines; the bad ones then go through the reasons one by one. */
const IS_EVENT = [
  'ts IS NOT NULL',
  'duration_ms IS NOT NULL',
  `strlen(line) <= ${MAX_LINE_BYTES}`,
  ...REQUIRED_STRINGS.map((field) => `starts_with(${field}_json, '"')`),
  ...REQUIRED_STRINGS.map((field) => `${field}_text IS NOT NULL`),
].join(' AND ');

const linesOf = (options: RelationOptions): string =>
  `SELECT ${options.numbered ? 'row_number() OVER () AS n, ' : 'NULL AS n, '}line FROM read_csv(${sqlLiteral(options.file)}, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n', max_line_size = ${4 * MAX_LINE_BYTES})`;

/** Lines of JSON. The file must be clean as `inspectLineFile` means it. */
export const jsonLinesRelation = (options: RelationOptions): string => {
  const shape = options.withIdentity ? JSON_SHAPE : NARROW_JSON_SHAPE;
  const identity = options.withIdentity
    ? identityOf([
        'epoch_us(ts)',
        'workspace_id',
        'user_id',
        'agent_id',
        'tool',
        'status_raw',
        'duration_ms',
        ...IDENTITY_STRINGS.map((field) => `TRY(f.${field}->>'$')`),
        ...SIZES.map(([ours, theirs]) => `TRY(coalesce(f.${ours}->>'$', f.${theirs}->>'$'))`),
      ])
    : 'NULL';
  return `
    WITH lines AS (${linesOf(options)}),
    parsed AS (SELECT n, line, TRY(from_json(trim(line, ${SPACE}), ${sqlLiteral(shape)})) AS f FROM lines WHERE line IS NOT NULL),
    raw AS (
      SELECT n, line, f, ${[...REQUIRED_STRINGS, 'duration_ms'].map((field) => `CAST(f.${field} AS VARCHAR) AS ${field}_json`).join(', ')}
      FROM parsed
    ),
    texts AS (
      SELECT *, ${REQUIRED_STRINGS.map((field) => `${unquoted(`${field}_json`)} AS ${field}_text`).join(', ')},
        TRY_CAST(duration_ms_json AS DOUBLE) AS duration
      FROM raw
    ),
    typed AS (
      SELECT *, ${instantOf('ts_text')} AS ts, workspace_id_text AS workspace_id, user_id_text AS user_id,
        agent_id_text AS agent_id, tool_text AS tool, status_text AS status_raw,
        ${durationOf('duration')} AS duration_ms
      FROM texts
    ),
    checked AS (
      SELECT *, CASE
        WHEN ${IS_EVENT} THEN NULL
        WHEN f IS NULL AND trim(line, ${SPACE}) = '' THEN '${BLANK_LINE}'
        WHEN strlen(line) > ${MAX_LINE_BYTES} THEN 'is longer than ${MAX_LINE_BYTES} bytes'
        WHEN f IS NULL OR (ts_json IS NULL AND NOT starts_with(ltrim(line, ${SPACE}), '{')) THEN 'is not a JSON object'
        ${REQUIRED_STRINGS.map(missingOrWrong).join(' ')}
        WHEN ts IS NULL THEN 'ts is not a time'
        ${REQUIRED_STRINGS.filter((field) => field !== 'ts')
          .map(
            (field) =>
              `WHEN ${field === 'status' ? 'status_raw' : field} IS NULL THEN '${field} is not valid text'`,
          )
          .join(' ')}
        WHEN duration_ms_json IS NULL OR duration_ms_json = 'null' THEN 'duration_ms is missing'
        WHEN duration IS NULL OR NOT isfinite(duration) THEN 'duration_ms is not a number'
        WHEN duration_ms IS NULL THEN 'duration_ms is out of range'
      END AS reason
      FROM typed
    )
    SELECT n, ts, tool, agent_id, user_id, workspace_id, ${statusClassSql('status_raw')} AS status, status_raw, duration_ms,
      ${identity} AS identity, reason,
      ${options.numbered ? `CASE WHEN reason IS NOT NULL THEN ${writtenInstant('line')} END` : 'NULL'} AS own_ts,
      ${options.numbered ? 'CASE WHEN reason IS NOT NULL THEN md5(line) END' : 'NULL'} AS digest
    FROM checked`;
};

/** The time that stands in a line that is otherwise not to be trusted. */
export const writtenInstant = (line: string): string => {
  const text = `regexp_extract(left(${line}, 512), '"ts"\\s*:\\s*"([^"]{19,40})"', 1)`;
  return instantOf(text);
};

/** The columns of a Parquet file, by name. */
export type ParquetColumns = ReadonlyMap<string, string>;

/** The column `ts` as an instant. */
export const parquetInstant = (type: string | undefined): string => {
  if (type === 'TIMESTAMP WITH TIME ZONE') return 'ts';
  // A time without a zone is UTC, which is the session's own zone.
  if (type?.startsWith('TIMESTAMP') === true) return 'CAST(ts AS TIMESTAMPTZ)';
  return instantOf('ts');
};

/** What keeps a Parquet file from being read as audit events, or undefined. */
export const parquetFault = (columns: ParquetColumns): string | undefined => {
  for (const field of REQUIRED_STRINGS) {
    const type = columns.get(field);
    if (type === undefined) return `has no column ${field}`;
    if (type !== 'VARCHAR' && !(field === 'ts' && type.startsWith('TIMESTAMP'))) {
      return `has a column ${field} of type ${type}`;
    }
  }
  const duration = columns.get('duration_ms');
  if (duration === undefined) return 'has no column duration_ms';
  return /^(U?(TINY|SMALL|BIG)INT|U?INTEGER)$/.test(duration)
    ? undefined
    : `has a column duration_ms of type ${duration}`;
};

/** Events of a compacted day. */
export const parquetRelation = (options: RelationOptions, columns: ParquetColumns): string => {
  const optional = (field: string): string => (columns.has(field) ? field : 'NULL');
  const identity = options.withIdentity
    ? identityOf([
        'epoch_us(instant)',
        'workspace_id',
        'user_id',
        'agent_id',
        'tool',
        'status',
        'duration_ms',
        ...IDENTITY_STRINGS.map(optional),
        ...SIZES.map(([ours, theirs]) => `coalesce(${optional(ours)}, ${optional(theirs)})`),
      ])
    : 'NULL';
  return `
    WITH events AS (
      SELECT *, ${parquetInstant(columns.get('ts'))} AS instant,
        ${options.numbered ? 'row_number() OVER ()' : 'NULL'} AS event_number
      FROM read_parquet(${sqlLiteral(options.file)})
    )
    SELECT event_number AS n, instant AS ts, tool, agent_id, user_id, workspace_id, ${statusClassSql('status')} AS status, status AS status_raw,
      CAST(duration_ms AS BIGINT) AS duration_ms, ${identity} AS identity,
      CASE WHEN instant IS NULL THEN 'ts is not a time'
        ${REQUIRED_STRINGS.filter((field) => field !== 'ts')
          .map((field) => `WHEN ${field} IS NULL THEN '${field} is missing'`)
          .join(' ')}
        WHEN duration_ms IS NULL THEN 'duration_ms is missing'
        WHEN duration_ms NOT BETWEEN 0 AND ${MAX_DURATION_MS} THEN 'duration_ms is out of range'
      END AS reason,
      instant AS own_ts, 'row ' || CAST(event_number AS VARCHAR) AS digest
    FROM events`;
};
