import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isMissingFile } from '#core/errors';

/** How the events of a day are stored; a day can exist in several forms at once. */
export type AuditFileForm = 'jsonl' | 'gzip' | 'parquet';

export interface AuditFile {
  /** The day of the name, `YYYY-MM-DD`: the first ten characters of each event's `ts`. */
  readonly day: string;
  readonly form: AuditFileForm;
  readonly path: string;
  /** Name relative to the audit directory, with forward slashes. */
  readonly name: string;
  readonly isRegularFile: boolean;
  readonly isSymbolicLink: boolean;
}

/** Folder of the Parquet files, inside the audit directory. */
export const COMPACT_FOLDER = 'compact';

const DAY_MS = 86_400_000;
const NAME = /^tool_audit_(\d{4}-\d{2}-\d{2})\.(jsonl\.gz|jsonl|parquet)$/;
const FORMS: Readonly<Record<string, AuditFileForm>> = {
  jsonl: 'jsonl',
  'jsonl.gz': 'gzip',
  parquet: 'parquet',
};

export const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

export const jsonlName = (day: string): string => `tool_audit_${day}.jsonl`;

/** Relative to the audit directory, with a forward slash. */
export const parquetName = (day: string): string => `${COMPACT_FOLDER}/tool_audit_${day}.parquet`;

const isCalendarDay = (day: string): boolean => {
  const at = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(at) && dayOf(new Date(at)) === day;
};

const toAuditFile = (directory: string, folder: string, entry: Dirent): AuditFile | undefined => {
  const match = NAME.exec(entry.name);
  const day = match?.[1];
  const form = FORMS[match?.[2] ?? ''];
  if (day === undefined || form === undefined || !isCalendarDay(day)) return undefined;
  if (folder !== '' && form !== 'parquet') return undefined;
  return {
    day,
    form,
    path: path.join(directory, folder, entry.name),
    name: folder === '' ? entry.name : `${folder}/${entry.name}`,
    isRegularFile: entry.isFile(),
    isSymbolicLink: entry.isSymbolicLink(),
  };
};

/**
 * The daily files of an audit directory and its `compact/` folder, by day, form
 * and name. Foreign names are not listed. Rejects with ENOENT when the
 * directory itself is missing.
 */
export const listAuditFiles = async (directory: string): Promise<readonly AuditFile[]> => {
  const own = await readdir(directory, { withFileTypes: true });
  const compact = await readdir(path.join(directory, COMPACT_FOLDER), {
    withFileTypes: true,
  }).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
  return [
    ...own.map((entry) => toAuditFile(directory, '', entry)),
    ...compact.map((entry) => toAuditFile(directory, COMPACT_FOLDER, entry)),
  ]
    .filter((file) => file !== undefined)
    .sort((a, b) => (a.day + a.form + a.name < b.day + b.form + b.name ? -1 : 1));
};

/**
 * Those whose events may lie in `[from, to)`. A file is named after the local
 * date of each event's own offset, so a day on either side can matter.
 */
export const filesOfRange = (
  files: readonly AuditFile[],
  range: { readonly from: Date; readonly to: Date },
): readonly AuditFile[] => {
  if (range.from.getTime() >= range.to.getTime()) return [];
  const firstDay = dayOf(new Date(range.from.getTime() - DAY_MS));
  const lastDay = dayOf(new Date(range.to.getTime() + DAY_MS));
  return files.filter((file) => file.day >= firstDay && file.day <= lastDay);
};
