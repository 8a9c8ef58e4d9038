import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isAdopted } from '#audit/files/audit-directory';
import { type AuditFile, listAuditFiles } from '#audit/files/audit-files';
import type { Settings } from '#config/settings';
import type { RowEffects } from '#core/effects';
import { isMissingFile } from '#core/errors';
import { createPostgresFindingBook } from '#privacy/digest/postgres-finding-book';
import type { PrivacyStores } from '#privacy/privacy-sources';
import type { RetentionProbe, StoreAge, StoreName } from '#privacy/retention/store-ages';
import type { TaskCatalog } from '#runner/task-catalog';
import type { Database } from '#storage/database';

const DAY_MS = 86_400_000;

interface Found {
  readonly oldestAt: Date | null;
  readonly records: number | null;
  readonly isOurs?: boolean;
}

/** A store that cannot be looked at says so in words that give nothing away; the others are still told. */
const ageOf = async (store: StoreName, look: () => Promise<Found>): Promise<StoreAge> => {
  try {
    return { store, isOurs: true, ...(await look()), fault: null };
  } catch (error) {
    if (isMissingFile(error))
      return { store, oldestAt: null, records: 0, isOurs: true, fault: null };
    return { store, oldestAt: null, records: null, isOurs: true, fault: 'could not be looked at' };
  }
};

const filesAge = async (directory: string, form: AuditFile['form']): Promise<Found> => {
  const files = (await listAuditFiles(directory)).filter((file) => file.form === form);
  const [first] = files;
  return {
    oldestAt: first === undefined ? null : new Date(`${first.day}T00:00:00Z`),
    records: files.length,
    isOurs: await isAdopted(directory),
  };
};

const reportsAge = async (directory: string, signal: AbortSignal): Promise<Found> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  let oldestMs = Number.POSITIVE_INFINITY;
  let records = 0;
  for (const entry of entries.filter((one) => one.isFile())) {
    signal.throwIfAborted();
    const found = await stat(path.join(entry.parentPath, entry.name)).catch(() => undefined);
    if (found === undefined) continue;
    records += 1;
    oldestMs = Math.min(oldestMs, found.mtimeMs);
  }
  return { oldestAt: records === 0 ? null : new Date(oldestMs), records };
};

// Counting the rows would read the whole table; the planner's estimate is what an operator needs.
const AUDIT_ROWS = `SELECT min(ts) AS oldest,
    (SELECT NULLIF(GREATEST(reltuples, 0), 0)::bigint FROM pg_class WHERE oid = to_regclass('tool_audit_events')) AS records
  FROM tool_audit_events`;
const RUN_ROWS = `SELECT min(finished_at) AS oldest, count(*) AS records FROM task_runs
  WHERE finished_at IS NOT NULL`;

const rowsAge = async (database: Database, text: string): Promise<Found> => {
  const [row] = await database.query<{ oldest: Date | null; records: number | null }>(text);
  return { oldestAt: row?.oldest ?? null, records: row?.records ?? null };
};

/** Looks at the stores of this system as they are now. */
const createRetentionProbe = (options: {
  readonly settings: Pick<Settings, 'audit' | 'repoRoot'>;
  readonly database: Database;
  readonly catalog: TaskCatalog;
}): RetentionProbe => ({
  async look(signal) {
    const { settings, database, catalog } = options;
    const tasks = [...catalog.values()].map(({ task }) => task);
    const { jsonlDir } = settings.audit;
    return {
      ages: [
        await ageOf('audit_jsonl', () => filesAge(jsonlDir, 'jsonl')),
        await ageOf('audit_parquet', () => filesAge(jsonlDir, 'parquet')),
        await ageOf('audit_postgres', () => rowsAge(database, AUDIT_ROWS)),
        await ageOf('reports', () =>
          reportsAge(path.join(settings.repoRoot, 'ops', 'reports'), signal),
        ),
        await ageOf('run_ledger', () => rowsAge(database, RUN_ROWS)),
      ],
      tasks: tasks.map(({ id, enabled }) => ({ id, enabled })),
      keepRunsDays:
        tasks.length === 0
          ? null
          : Math.ceil(Math.max(...tasks.map(({ keepRunsMs }) => keepRunsMs)) / DAY_MS),
    };
  },
});

/** What privacy looks at beside the audit trail; `rows` is how it remembers what it found. */
export const createPrivacyStores = (options: {
  readonly settings: Pick<Settings, 'audit' | 'repoRoot'>;
  readonly database: Database;
  readonly catalog: TaskCatalog;
  readonly rows: RowEffects;
}): PrivacyStores => ({
  repoRoot: options.settings.repoRoot,
  retention: createRetentionProbe(options),
  findings: createPostgresFindingBook(options.database, options.rows),
});
