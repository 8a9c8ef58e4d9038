import { hostname } from 'node:os';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import type { LiveCatalog } from '#runner/live-catalog';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { queueNamesOf, type TaskCatalog } from '#runner/task-catalog';
import type { Logger } from '#telemetry/logger';
import { joinCatalog, readRegistry } from '../load-catalog.ts';
import { logRegistry } from '../log-registry.ts';
import type { Engines } from '../open-engines.ts';
import { AppliedElsewhere } from './applied-elsewhere.ts';
import { RegistryWatch } from './registry-watch.ts';

export interface RegistryWatchParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly engines: Engines;
  readonly catalog: LiveCatalog;
  /** The text that `catalog` was made of. */
  readonly text: string;
  /** Whether this process makes its registry the law, and consumes the queues; a gateway does neither. */
  readonly appliesSchedules: boolean;
}

const requireRoom = (catalog: TaskCatalog, queueLimit: number | null): void => {
  const queues = queueNamesOf(catalog).size;
  if (queueLimit !== null && queues > queueLimit)
    throw new AppError(
      'invalid_registry',
      `the registry names ${queues} queues, and this process was started with connections for ${queueLimit}; start it again to serve them`,
    );
};

/** The watch over the registry file of this process; not started yet. */
export const createRegistryWatch = (parts: RegistryWatchParts): RegistryWatch => {
  const { settings, logger, clock, engines, catalog, text, appliesSchedules } = parts;
  const ledger = createOccurrenceLedger(engines.database);
  const observer = logRegistry(logger);
  return new RegistryWatch({
    file: settings.registryFile,
    clock,
    text,
    read: () => readRegistry(settings),
    check: async (source) => {
      const { catalog: next } = await joinCatalog(settings, source);
      if (appliesSchedules) requireRoom(next, engines.queueLimit);
      return next;
    },
    enact: async (next) => {
      const plan = appliesSchedules
        ? await applyRegistry(
            { ledger, queue: engines.queue },
            declareRegistry(next),
            `reload:${hostname()}`,
          )
        : null;
      catalog.replace(next);
      return plan?.items ?? null;
    },
    elsewhere: new AppliedElsewhere({
      ledger,
      catalog,
      onFound: (revision) => observer.anotherInForce(revision),
    }),
    observer,
  });
};
