import type { AnalyticsSession } from '#storage/duckdb/analytics-session';
import type { AuditFile } from '../files/audit-files.ts';

/** Events of all forms of a day, with the digests by which they are compared. */
export const STAGED_TABLE = 'work.staged';

/** `columns`: what of each event is kept beside its digest, with types. */
export const createStaged = (
  session: AnalyticsSession,
  columns: string | undefined,
): Promise<void> =>
  session.run(
    `CREATE OR REPLACE TABLE ${STAGED_TABLE} (identity UHUGEINT, form UTINYINT${columns === undefined ? '' : `, ${columns}`}, reason VARCHAR)`,
  );

export const dropStaged = (session: AnalyticsSession): Promise<void> =>
  session.run(`DROP TABLE ${STAGED_TABLE}`);

/** Files that add up rather than repeat each other: the same file of several directories. */
export const formsOf = (files: readonly AuditFile[]): readonly string[] => [
  ...new Set(files.map(formOf)),
];

export const formOf = ({ form, name }: AuditFile): string => `${form} ${name}`;

/** In how many copies the form that has an event most often has it. */
const mostOf = (forms: readonly string[], those: (form: string) => boolean): string =>
  `greatest(0, ${forms.map((form, index) => (those(form) ? `count(*) FILTER (form = ${index})` : '0')).join(', ')})`;

const isParquet = (form: string): boolean => form.startsWith('parquet ');

/**
 * Puts each event into `table` as often as the form has it that has it most
 * often. `columns` follow from the digest; as group keys they can be spilled,
 * which the states of window functions cannot.
 */
export const insertMerged = (
  session: AnalyticsSession,
  forms: readonly string[],
  into: { readonly table: string; readonly columns: string },
): Promise<void> =>
  session.run(
    `INSERT INTO ${into.table} BY NAME SELECT ${into.columns} FROM (
      SELECT ${into.columns}, unnest(range(${mostOf(forms, () => true)})) FROM ${STAGED_TABLE} GROUP BY identity, ${into.columns}
    )`,
  );

/** How many events of the forms that are lines are not in those that are Parquet. */
export const countNotInParquet = async (
  session: AnalyticsSession,
  forms: readonly string[],
): Promise<number> => {
  const [row] = await session.rows<{ missing: number }>(
    `SELECT CAST(coalesce(sum(greatest(0, of_lines - of_parquet)), 0) AS DOUBLE) AS missing FROM (
      SELECT ${mostOf(forms, (form) => !isParquet(form))} AS of_lines, ${mostOf(forms, isParquet)} AS of_parquet FROM ${STAGED_TABLE} GROUP BY identity
    )`,
  );
  return row?.missing ?? 0;
};
