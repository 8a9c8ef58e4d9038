import { existsSync } from 'node:fs';
import type { Clock } from '#core/clock';
import { hasCode } from '#core/errors';
import type { Database } from '#storage/database';
import type { AuditReader, AuditTrailReader } from '../audit-store.ts';
import { findOwnAuditDirectory } from '../files/own-audit-directory.ts';
import { qualityOf } from '../read/data-quality.ts';
import { createNullAuditReader } from '../read/null-audit-reader.ts';
import { createPostgresAuditReader } from '../read/postgres-audit-reader.ts';
import { readPostgresEvents } from '../read/postgres-events.ts';
import { planRead } from '../read/read-query.ts';
import { countSpooledEvents } from '../read/spool-backlog.ts';
import { aggregateOnce, fileReader, readFiles, readWithin } from './file-answers.ts';
import type { FilePlaces } from './store-options.ts';

export interface AuditTrailReaderOptions {
  readonly backend: 'auto' | 'postgres' | 'jsonl' | 'memory' | 'null';
  /** Null where none is configured: files are read then. */
  readonly database: Database | null;
  /** AUDIT_JSONL_DIR. */
  readonly jsonlDir: string;
  /** `fail` for a directory that somebody configured, `empty` for the default one. */
  readonly whenJsonlDirMissing: 'fail' | 'empty';
  /** Holds our files while that directory is somebody else's: `audit` inside. */
  readonly dataDir: string;
  readonly tempDir: string;
  readonly clock: Clock;
}

/** How long a reader waits for events that are on their way to PostgreSQL. */
const CATCH_UP_MS = 2_000;
const POLL_MS = 50;
const PING_MS = 2_000;

const findPlaces = async (options: AuditTrailReaderOptions): Promise<FilePlaces> => {
  const { jsonlDir, tempDir, clock } = options;
  const { directory, readAsWell } = await findOwnAuditDirectory(options);
  // Where the configured one is missing its reader says so; no other stands in for it.
  return { directory, readAsWell: existsSync(jsonlDir) ? readAsWell : null, tempDir, clock };
};

/** Waits a little while a running system forwards what waits in the spool; answers what is left. */
const awaitForwarding = async (directory: string, clock: Clock): Promise<number> => {
  const until = clock.now().getTime() + CATCH_UP_MS;
  for (;;) {
    const waiting = await countSpooledEvents(directory);
    if (waiting === 0 || clock.now().getTime() >= until) return waiting;
    await clock.sleep(POLL_MS);
  }
};

const withProblems = (reader: AuditReader, problems: readonly string[]): AuditReader => ({
  async open(range) {
    const view = await reader.open(range);
    if (problems.length === 0) return view;
    const { quality } = view;
    return {
      ...view,
      quality: { ...quality, partial: true, problems: [...problems, ...quality.problems] },
    };
  },
});

const filesOnly = (
  options: AuditTrailReaderOptions,
  sourceBackend: 'jsonl' | 'jsonl_fallback',
): AuditTrailReader => {
  const reader: AuditReader = {
    open: async (range) =>
      fileReader(
        { ...(await findPlaces(options)), whenMissing: options.whenJsonlDirMissing },
        sourceBackend,
      ).open(range),
  };
  return {
    ...reader,
    read: async (query) => readFiles(await findPlaces(options), planRead(query), sourceBackend),
    aggregate: aggregateOnce(reader),
  };
};

const postgresOnly = (
  database: Database,
  clock: Clock,
  problems: readonly string[],
): AuditTrailReader => {
  const reader = withProblems(createPostgresAuditReader({ database }), problems);
  return {
    ...reader,
    async read(query) {
      const plan = planRead(query);
      return {
        events: await readWithin(clock, (signal) => readPostgresEvents(database, plan, signal)),
        quality: qualityOf('postgres', problems),
      };
    },
    aggregate: aggregateOnce(reader),
  };
};

/** PostgreSQL while it answers, else the files. One that lacks the table is a mistake to mend, not an outage. */
const postgresOrFiles = (
  options: AuditTrailReaderOptions,
  database: Database,
): AuditTrailReader => {
  const files = filesOnly({ ...options, whenJsonlDirMissing: 'empty' }, 'jsonl_fallback');
  const either = async <T>(ask: (trail: AuditTrailReader) => Promise<T>): Promise<T> => {
    try {
      await database.ping(PING_MS);
      const { directory } = await findPlaces(options);
      const waiting = await awaitForwarding(directory, options.clock);
      const problems =
        waiting === 0
          ? []
          : [`${waiting} events still wait in local files for PostgreSQL and are not counted.`];
      return await ask(postgresOnly(database, options.clock, problems));
    } catch (error) {
      if (!hasCode(error, 'unavailable')) throw error;
      return ask(files);
    }
  };
  return {
    open: (range) => either((trail) => trail.open(range)),
    read: (query) => either((trail) => trail.read(query)),
    aggregate: (query, signal) => either((trail) => trail.aggregate(query, signal)),
  };
};

/**
 * Reads the trail of a backend and writes nothing at all, so that a dry-run and
 * a command that looks can have it. Events that a running system has accepted
 * but not stored yet are waited for, two seconds at most, and told as missing.
 */
export const createAuditTrailReader = (options: AuditTrailReaderOptions): AuditTrailReader => {
  const { backend, database, clock } = options;
  if (backend === 'memory' || backend === 'null') {
    const reader = createNullAuditReader(backend);
    const quality = qualityOf(backend);
    return {
      ...reader,
      read: async () => ({ events: [], quality }),
      aggregate: async () => ({ rows: [], quality }),
    };
  }
  if (backend === 'jsonl' || database === null) return filesOnly(options, 'jsonl');
  return backend === 'postgres'
    ? postgresOnly(database, clock, [])
    : postgresOrFiles(options, database);
};
