import { FileLock } from '#storage/jsonl/file-lock';
import type { AuditReader, AuditStore } from '../audit-store.ts';
import { jsonlName } from '../files/audit-files.ts';
import { planRead } from '../read/read-query.ts';
import { EventIntake } from '../write/event-intake.ts';
import { EventLog } from '../write/event-log.ts';
import { RejectedEvents } from '../write/rejected-events.ts';
import { directoryLockFile } from '../write/spool-places.ts';
import { aggregateOnce, fileReader, readFiles } from './file-answers.ts';
import type { StoreOptions } from './store-options.ts';

/** Appends to daily JSONL files and reads them in every form. Safe for several processes. */
export const createJsonlAuditStore = (options: StoreOptions): AuditStore => {
  const { directory, fsync, clock, logger } = options;
  const rejects = new RejectedEvents(directory, clock);
  const lock = new FileLock(directoryLockFile(directory));
  let repairedLines = 0;
  const log = new EventLog({
    directory,
    fsync,
    clock,
    lock,
    onTornTail: (day, bytes) => {
      repairedLines += 1;
      rejects.note({
        reason: `a torn line of ${bytes} bytes was cut off`,
        fields: [],
        file: jsonlName(day),
      });
    },
    onFault: (reason) => {
      if (reason === null) logger.info({}, 'audit events are written again');
      else logger.error({ reason }, 'audit events cannot be written; new ones are refused');
    },
  });
  const intake = new EventIntake({
    logger,
    onRejected: (rejection) => rejects.note(rejection),
    accept: (event) => log.accept(event),
  });
  const files = fileReader(options, 'jsonl');
  /** Readers see what this process accepted; what cannot be written says so by `health`. */
  const settle = (): Promise<void> => log.commitNow();
  const reader: AuditReader = {
    async open(range) {
      await settle();
      return files.open(range);
    },
  };
  let closing: Promise<void> | undefined;

  const close = async (): Promise<void> => {
    const lost = await log.close();
    await lock.close();
    await rejects.close();
    if (lost > 0) {
      logger.error(
        { events: lost },
        'audit events were lost: they could not be written before the end',
      );
    }
  };

  return {
    ...reader,
    write: (event) => intake.write(event),
    flush: () => log.flush(),
    async read(query) {
      const plan = planRead(query);
      await settle();
      return readFiles(options, plan, 'jsonl');
    },
    aggregate: aggregateOnce(reader),
    activeBackend: () => 'jsonl',
    health: () => {
      const isBlocked = log.fault !== null || log.isFull;
      return {
        ok: !isBlocked,
        detail:
          log.fault ??
          (log.isFull
            ? 'the buffer of audit events is full because the disk is too slow'
            : 'audit events are appended to JSONL files'),
        blocks: isBlocked ? 'changes' : 'nothing',
        pendingEvents: log.pendingEvents,
        acceptedEvents: intake.acceptedEvents,
        refusedEvents: intake.refusedEvents,
        malformedEvents: intake.malformedEvents,
        repairedLines,
        failovers: 0,
      };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
};
