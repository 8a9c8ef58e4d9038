import { sqlLiteral } from '#storage/duckdb/analytics-session';
import { writeMark } from '../read/lines-mark.ts';

/** Rows of the day, in the order in which they go into the Parquet file: `part`, then `n`. */
const EVENTS = 'work.events';

const TEXTS = [
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
] as const;
const OPTIONAL = ['input_hash', 'graph_run_id', 'graph_node', 'job_id'] as const;
const SIZES = [
  ['in_size', 'input_chars'],
  ['out_size', 'output_size_bytes'],
] as const;

/** Without these a line is not an event, as readers see it. */
const REQUIRED = ['ts', 'workspace_id', 'user_id', 'agent_id', 'tool', 'status'] as const;

/** The order of the columns is that of the event's fields. */
const COLUMNS = [...TEXTS, 'duration_ms', 'in_size', 'out_size', ...OPTIONAL] as const;

const MAX_INTEGER = 2_147_483_647;
/** Longest line that counts, in bytes. */
export const MAX_LINE_BYTES = 1024 * 1024;

const SHAPE = JSON.stringify(
  Object.fromEntries(
    ['ts', ...TEXTS, 'duration_ms', ...SIZES.flat(), ...OPTIONAL].map((field) => [field, 'JSON']),
  ),
);

const textOf = (field: string): string => `TRY(f.${field}->>'$')`;
const isString = (field: string): string => `starts_with(CAST(f.${field} AS VARCHAR), '"')`;
const TS_TEXT = textOf('ts');
const DURATION = 'TRY_CAST(CAST(f.duration_ms AS VARCHAR) AS DOUBLE)';

const IS_EVENT = [
  ...REQUIRED.map(isString),
  ...REQUIRED.map((field) => `${textOf(field)} IS NOT NULL`),
  `strlen(${TS_TEXT}) BETWEEN 19 AND 40`,
  `TRY_CAST(${TS_TEXT} AS TIMESTAMPTZ) IS NOT NULL`,
  `isfinite(${DURATION})`,
  `${DURATION} BETWEEN 0 AND ${MAX_INTEGER}`,
].join(' AND ');

export const createEvents = (): string =>
  `CREATE TABLE ${EVENTS} (part TINYINT, n BIGINT, ts TIMESTAMPTZ, ${COLUMNS.map((column) => `${column} ${column === 'duration_ms' ? 'BIGINT' : 'VARCHAR'}`).join(', ')})`;

/** Events of a file of clean lines; a line that is none leaves no row. */
export const insertLines = (file: string): string => `
  INSERT INTO ${EVENTS}
  WITH lines AS (
    SELECT row_number() OVER () AS n, line FROM read_csv(${sqlLiteral(file)}, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n', max_line_size = ${4 * MAX_LINE_BYTES})
  ),
  parsed AS (SELECT n, TRY(from_json(line, ${sqlLiteral(SHAPE)})) AS f FROM lines WHERE line IS NOT NULL)
  SELECT 1, n, CAST(${TS_TEXT} AS TIMESTAMPTZ), ${TEXTS.map(textOf).join(', ')},
    CAST(round(${DURATION}) AS BIGINT),
    ${SIZES.map(([ours, theirs]) => `coalesce(${textOf(ours)}, ${textOf(theirs)})`).join(', ')},
    ${OPTIONAL.map(textOf).join(', ')}
  FROM parsed WHERE ${IS_EVENT}`;

/** Rows of an earlier Parquet file, whose columns may be fewer. */
export const insertParquet = (file: string, columns: ReadonlySet<string>): string => {
  const column = (name: string): string => (columns.has(name) ? name : 'NULL');
  const sizes = SIZES.map(
    ([ours, theirs]) => `CAST(coalesce(${column(ours)}, ${column(theirs)}) AS VARCHAR)`,
  );
  return `
    INSERT INTO ${EVENTS}
    SELECT 0, row_number() OVER (), CAST(ts AS TIMESTAMPTZ), ${TEXTS.map(column).join(', ')},
      CAST(duration_ms AS BIGINT), ${sizes.join(', ')}, ${OPTIONAL.map((name) => `CAST(${column(name)} AS VARCHAR)`).join(', ')}
    FROM read_parquet(${sqlLiteral(file)})`;
};

/** Events that stand both in the earlier file and in the lines count once, as often as the one has them that has more. */
export const DELETE_REPEATED = `
  DELETE FROM ${EVENTS} WHERE part = 1 AND n IN (
    WITH numbered AS (
      SELECT part, n, md5_number(concat_ws(chr(31), epoch_us(ts), ${COLUMNS.map((column) => `coalesce(CAST(${column} AS VARCHAR), chr(30))`).join(', ')})) AS identity
      FROM ${EVENTS}
    ), ordered AS (
      SELECT part, n, identity, row_number() OVER (PARTITION BY part, identity ORDER BY n) AS ordinal FROM numbered
    )
    SELECT l.n FROM ordered l JOIN ordered p ON p.part = 0 AND p.identity = l.identity AND p.ordinal = l.ordinal WHERE l.part = 1
  )`;

/** Whether a size column is made of whole numbers as a table of the format has them. */
export const sizeTypes = (): string =>
  `SELECT ${SIZES.map(([column]) => `bool_and(${column} IS NULL OR CAST(TRY_CAST(${column} AS INTEGER) AS VARCHAR) IS NOT DISTINCT FROM ${column}) AS ${column}`).join(', ')}, CAST(count(*) AS DOUBLE) AS events FROM ${EVENTS}`;

/** `whole` names the size columns that become INTEGER; another stays the text it was, so that nothing is changed. */
export const copyToParquet = (
  file: string,
  whole: ReadonlySet<string>,
  /** Of the lines that the file holds all of; see `markOfLines`. */
  mark: string | undefined,
): string => {
  const typed = COLUMNS.map((column) => {
    const isInteger = column === 'duration_ms' || whole.has(column);
    return isInteger ? `CAST(${column} AS INTEGER) AS ${column}` : column;
  });
  const options = [
    'FORMAT parquet',
    'COMPRESSION zstd',
    ...(mark === undefined ? [] : [writeMark(mark)]),
  ];
  return `COPY (SELECT ts, ${typed.join(', ')} FROM ${EVENTS} ORDER BY part, n) TO ${sqlLiteral(file)} (${options.join(', ')})`;
};
