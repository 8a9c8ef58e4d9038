import { randomUUID } from 'node:crypto';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import { EndJournal } from '#runner/end-journal';
import { LeaseKeeper } from '#runner/lease-keeper';
import type { InlineEnvironment } from '#runner/run-inline';
import type { TaskCatalog } from '#runner/task-catalog';
import type { Database } from '#storage/database';
import type { Logger } from '#telemetry/logger';
import { createInProcessExecutor } from './execute-job.ts';
import { logRunEvents } from './log-run-events.ts';
import { createPolicies } from './policies.ts';

/** What a command has that executes runs itself. */
export interface InlineParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly database: Database;
  readonly catalog: TaskCatalog;
  readonly clock: Clock;
}

/** Gives `work` what executing runs in this process needs; their leases are kept until it is over. */
export const withInlineEnvironment = async <T>(
  parts: InlineParts,
  work: (environment: InlineEnvironment) => Promise<T>,
): Promise<T> => {
  const { settings, logger, database, catalog, clock } = parts;
  const workerId = `cli-${process.pid}-${randomUUID().slice(0, 8)}`;
  const keeper = new LeaseKeeper({
    database,
    clock,
    onError: (error) => {
      logger.debug({ err: error }, 'lease renewal');
    },
  });
  const journal = new EndJournal(`${settings.dataDir}/journal`, workerId);
  await keeper.start();
  try {
    return await work({
      database,
      clock,
      catalog,
      keeper,
      journal,
      workerId,
      random: Math.random,
      executor: createInProcessExecutor({
        settings,
        database,
        adminDsn: settings.database.adminUrl,
        catalog,
        clock,
        policies: createPolicies(settings.policyDir),
      }),
      observer: logRunEvents(logger),
      // Ctrl-C cancels the run in the ledger, so nothing is ever put back for another worker.
      shutdown: new AbortController().signal,
      onJournalled: () => undefined,
    });
  } finally {
    await keeper.stop();
    journal.close();
  }
};
