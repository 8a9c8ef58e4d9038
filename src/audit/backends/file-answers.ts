import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import type { AuditReader, AuditReading, AuditStore } from '../audit-store.ts';
import { readFileEvents } from '../read/file-events.ts';
import { createJsonlAuditReader } from '../read/jsonl-audit-reader.ts';
import type { ReadPlan } from '../read/read-query.ts';
import { withDeadline } from '../write/deadline.ts';
import type { FilePlaces } from './store-options.ts';

/** One answer may not take longer. */
const READ_DEADLINE_MS = 300_000;

type FileBackend = 'jsonl' | 'jsonl_fallback';

const AWAY_PROBLEM = 'The database is away; only events that are in local files are counted.';

/** Reads of the daily files: of our directory, and of somebody else's beside it. */
export const fileReader = (
  options: FilePlaces & { readonly whenMissing?: 'fail' | 'empty' },
  sourceBackend: FileBackend,
): AuditReader => {
  const { directory, readAsWell, tempDir } = options;
  return createJsonlAuditReader({
    directory: readAsWell ?? directory,
    ...(readAsWell === null ? {} : { ownDirectory: directory }),
    whenMissing: options.whenMissing ?? 'empty',
    tempDir,
    sourceBackend,
  });
};

export const readFiles = async (
  options: FilePlaces,
  plan: ReadPlan,
  sourceBackend: FileBackend,
): Promise<AuditReading> => {
  const { directory, readAsWell, tempDir, clock } = options;
  const reading = await readWithin(clock, (signal) =>
    readFileEvents(plan, {
      directories: [...(readAsWell === null ? [] : [readAsWell]), directory],
      tempDir,
      signal,
    }),
  );
  const { events, quality } = reading;
  return sourceBackend === 'jsonl'
    ? { events, quality: { ...quality, sourceBackend } }
    : {
        events,
        quality: {
          ...quality,
          sourceBackend,
          partial: true,
          problems: [AWAY_PROBLEM, ...quality.problems],
        },
      };
};

export const readWithin = <T>(
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> =>
  withDeadline({ clock, ms: READ_DEADLINE_MS }, async (signal) => {
    try {
      return await work(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new AppError(
        'unavailable',
        `Reading the audit trail took longer than ${READ_DEADLINE_MS / 1000} s; ask for a shorter range.`,
        { cause: error },
      );
    }
  });

/** `aggregate` in terms of `open`: one question, one view. */
export const aggregateOnce =
  (reader: AuditReader): AuditStore['aggregate'] =>
  async (query, signal) => {
    const view = await reader.open({
      from: query.from,
      to: query.to,
      signal: signal ?? new AbortController().signal,
    });
    try {
      return { rows: await view.aggregate(query), quality: view.quality };
    } finally {
      await view.close();
    }
  };
