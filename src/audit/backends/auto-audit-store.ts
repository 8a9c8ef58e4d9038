import { hasCode } from '#core/errors';
import { FileLock } from '#storage/jsonl/file-lock';
import type { AuditReader, AuditStore } from '../audit-store.ts';
import { jsonlName } from '../files/audit-files.ts';
import { qualityOf } from '../read/data-quality.ts';
import { createPostgresAuditReader } from '../read/postgres-audit-reader.ts';
import { readPostgresEvents } from '../read/postgres-events.ts';
import { planRead } from '../read/read-query.ts';
import { EventIntake } from '../write/event-intake.ts';
import { EventLog } from '../write/event-log.ts';
import { Forwarder } from '../write/forwarder.ts';
import { isFileFault } from '../write/postgres-fault.ts';
import { RejectedEvents, type Rejection } from '../write/rejected-events.ts';
import { Spool } from '../write/spool.ts';
import { directoryLockFile } from '../write/spool-places.ts';
import { aggregateOnce, fileReader, readFiles, readWithin } from './file-answers.ts';
import { forwardLeftovers } from './leftover-spool.ts';
import type { DatabaseStoreOptions } from './store-options.ts';

/** How long a reader waits for events that are on their way to PostgreSQL. */
const CATCH_UP_MS = 2_000;
/** A server that does not answer a reader within this is away. */
const PING_MS = 2_000;
const LAST_FORWARD_MS = 2_000;

/**
 * PostgreSQL behind a local spool. Every event is appended to its day's file
 * first, whether PostgreSQL is there or not, and forwarded from there; while it
 * is away the spool is what is read. An outage blocks nobody.
 */
export const openAutoAuditStore = async (
  options: DatabaseStoreOptions & {
    /** Where this system wrote before the directory was its own. */
    readonly formerDirectory: string | null;
  },
): Promise<AuditStore> => {
  const { directory, database, fsync, clock, logger, recoveryMs } = options;
  const rejects = new RejectedEvents(directory, clock);
  let repairedLines = 0;
  const onTornTail = (day: string, bytes: number): void => {
    repairedLines += 1;
    rejects.note({
      reason: `a torn line of ${bytes} bytes was cut off`,
      fields: [],
      file: jsonlName(day),
    });
  };
  const onRejected = (rejection: Rejection): void => rejects.note(rejection);
  const lock = new FileLock(directoryLockFile(directory));
  const spool = new Spool({ directory, lock, clock, logger, sync: fsync !== 'never', onTornTail });
  const forwarder = new Forwarder({ spool, database, clock, logger, recoveryMs, onRejected });
  const log = new EventLog({
    directory,
    fsync,
    clock,
    lock,
    beforeAppend: (day, sizeBytes) => spool.beforeAppend(day, sizeBytes),
    onAppended: (count) => forwarder.noteAppended(count),
    onTornTail,
    onFault: (reason) => {
      if (reason === null) logger.info({}, 'audit events are written again');
      else logger.error({ reason }, 'audit events cannot be written; new ones are refused');
    },
  });
  const intake = new EventIntake({ logger, onRejected, accept: (event) => log.accept(event) });
  const fallback = fileReader(options, 'jsonl_fallback');
  const postgres = createPostgresAuditReader({ database });

  /** What PostgreSQL does not have yet of what was accepted before, in a sentence; nothing when it has all. */
  const catchUp = async (): Promise<readonly string[]> => {
    await log.commitNow();
    try {
      const isWhole = await forwarder.forwardUpTo(await spool.mark(), CATCH_UP_MS);
      const waiting = log.pendingEvents + (isWhole ? 0 : await spool.countWaiting());
      return waiting === 0
        ? []
        : [`${waiting} accepted events are still on their way to PostgreSQL and are not counted.`];
    } catch (error) {
      if (!isFileFault(error)) throw error;
      return ['The local spool cannot be read; events that wait in it are not counted.'];
    }
  };

  /** PostgreSQL when it answers, else the files. A database that lacks the table is a mistake, not an outage. */
  const either = async <T>(
    ask: (problems: readonly string[]) => Promise<T>,
    askFiles: () => Promise<T>,
  ): Promise<T> => {
    try {
      await database.ping(PING_MS);
      return await ask(await catchUp());
    } catch (error) {
      if (!hasCode(error, 'unavailable')) throw error;
      await log.commitNow();
      if (forwarder.fault === null) await forwarder.probeNow();
      return askFiles();
    }
  };

  const reader: AuditReader = {
    open: (range) =>
      either(
        async (problems) => {
          const view = await postgres.open(range);
          if (problems.length === 0) return view;
          const quality = {
            ...view.quality,
            partial: true,
            problems: [...problems, ...view.quality.problems],
          };
          return { ...view, quality };
        },
        () => fallback.open(range),
      ),
  };

  const detail = (): string => {
    if (log.fault !== null) return log.fault;
    if (log.isFull) return 'the buffer of audit events is full because the disk is too slow';
    if (forwarder.spoolFault !== null) return forwarder.spoolFault;
    return forwarder.fault === null
      ? 'audit events are forwarded to PostgreSQL'
      : `audit events wait in local files: ${forwarder.fault}`;
  };

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const lost = await log.close();
    await forwarder.close(LAST_FORWARD_MS);
    await lock.close();
    await leftovers?.close();
    await rejects.close();
    if (lost > 0) {
      logger.error(
        { events: lost },
        'audit events were lost: they could not be written before the end',
      );
    }
  };

  logger.info({}, 'AuditStore: auto (postgres→jsonl fallback)');
  await forwarder.start();
  const { formerDirectory } = options;
  const leftovers =
    formerDirectory === null ? null : await forwardLeftovers(options, formerDirectory, onRejected);

  return {
    ...reader,
    write: (event) => intake.write(event),
    flush: () => log.flush(),
    async read(query) {
      const plan = planRead(query);
      return either(
        async (problems) => ({
          events: await readWithin(clock, (signal) => readPostgresEvents(database, plan, signal)),
          quality: qualityOf('postgres', problems),
        }),
        () => readFiles(options, plan, 'jsonl_fallback'),
      );
    },
    aggregate: aggregateOnce(reader),
    activeBackend: () => (forwarder.fault === null ? 'postgres' : 'jsonl_fallback'),
    health: () => {
      const isBlocked = log.fault !== null || log.isFull;
      return {
        ok: !isBlocked,
        detail: detail(),
        blocks: isBlocked ? 'changes' : 'nothing',
        pendingEvents: log.pendingEvents + forwarder.waitingEvents,
        acceptedEvents: intake.acceptedEvents,
        refusedEvents: intake.refusedEvents,
        malformedEvents: intake.malformedEvents,
        repairedLines,
        failovers: forwarder.failovers,
      };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
};
