import type { AuditReader, AuditStore, AuditStoreHealth } from '../audit-store.ts';
import { createPostgresAuditReader } from '../read/postgres-audit-reader.ts';
import { readPostgresEvents } from '../read/postgres-events.ts';
import { planRead } from '../read/read-query.ts';
import { EventIntake } from '../write/event-intake.ts';
import { RejectedEvents } from '../write/rejected-events.ts';
import { RowBuffer } from '../write/row-buffer.ts';
import { aggregateOnce, readWithin } from './file-answers.ts';
import type { DatabaseStoreOptions } from './store-options.ts';

const LAST_STORE_MS = 2_000;

/**
 * PostgreSQL and nothing else: what is not in the table is not kept, so while
 * the database is away no call may go on that has to be audited.
 */
export const openPostgresAuditStore = async (
  options: Pick<DatabaseStoreOptions, 'directory' | 'database' | 'clock' | 'logger'>,
): Promise<AuditStore> => {
  const { directory, database, clock, logger } = options;
  const rejects = new RejectedEvents(directory, clock);
  const buffer = new RowBuffer({
    database,
    clock,
    logger,
    onRejected: (rejection) => rejects.note(rejection),
  });
  const intake = new EventIntake({
    logger,
    onRejected: (rejection) => rejects.note(rejection),
    accept: (event) => buffer.accept(event),
  });
  const postgres = createPostgresAuditReader({ database });
  const settle = async (): Promise<readonly string[]> => {
    if (buffer.size > 0) await buffer.flush().catch(() => undefined);
    return buffer.size === 0
      ? []
      : [`${buffer.size} accepted events are not in PostgreSQL yet and are not counted.`];
  };
  const reader: AuditReader = {
    async open(range) {
      const problems = await settle();
      const view = await postgres.open(range);
      return problems.length === 0
        ? view
        : { ...view, quality: { ...view.quality, partial: true, problems } };
    },
  };
  let closing: Promise<void> | undefined;

  const close = async (): Promise<void> => {
    const lost = await buffer.close(LAST_STORE_MS);
    await rejects.close();
    if (lost > 0) {
      logger.error(
        { events: lost },
        'audit events were lost: PostgreSQL did not take them before the end',
      );
    }
  };

  const blocks = (): AuditStoreHealth['blocks'] => {
    if (buffer.fault !== null) return 'everything';
    return buffer.isFull ? 'changes' : 'nothing';
  };

  await buffer.storeNow();

  return {
    ...reader,
    write: (event) => intake.write(event),
    flush: () => buffer.flush(),
    async read(query) {
      const plan = planRead(query);
      const problems = await settle();
      return {
        events: await readWithin(clock, (signal) => readPostgresEvents(database, plan, signal)),
        quality: {
          sourceBackend: 'postgres',
          partial: problems.length > 0,
          rejected: [],
          rejectedCount: 0,
          problems,
        },
      };
    },
    aggregate: aggregateOnce(reader),
    activeBackend: () => 'postgres',
    health: () => ({
      ok: buffer.fault === null && !buffer.isFull,
      detail:
        buffer.fault ??
        (buffer.isFull
          ? 'the buffer of audit events is full because PostgreSQL does not take them'
          : 'audit events are stored in PostgreSQL'),
      blocks: blocks(),
      pendingEvents: buffer.size,
      acceptedEvents: intake.acceptedEvents,
      refusedEvents: intake.refusedEvents,
      malformedEvents: intake.malformedEvents,
      repairedLines: 0,
      failovers: 0,
    }),
    close() {
      closing ??= close();
      return closing;
    },
  };
};
