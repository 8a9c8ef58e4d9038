import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import { AppError, hasCode, messageOf } from '#core/errors';
import { packageVersion } from '#core/package-version';
import { WaitingRoom } from '#gateway/waiting-room';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import type { TaskCatalog } from '#runner/task-catalog';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import type { Logger } from '#telemetry/logger';
import { logPlan } from './log-plan.ts';
import { migrationsDirectory, openMigrationDatabase } from './migrate.ts';
import type { Engines } from './open-engines.ts';
import { probeEngines } from './readiness.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

export interface ConnectOptions {
  readonly engines: Engines;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly catalog: TaskCatalog;
  readonly servesHttp: boolean;
  readonly appliesSchedules: boolean;
  /** Who is recorded as having applied the registry. */
  readonly appliedBy: string;
  readonly signal: AbortSignal;
}

const prepare = async (options: ConnectOptions): Promise<void> => {
  const { engines, settings, logger, catalog } = options;
  const { database, queue } = engines;
  const migrator = openMigrationDatabase(settings, engines.dsn);
  try {
    const migrations = await listMigrations(migrationsDirectory());
    for (const { version, name } of await applyMigrations(migrator, { migrations }))
      logger.info({ version, name }, 'migration applied');
  } finally {
    await migrator.close();
  }
  await queue.connect();
  for (const warning of (await queue.health()).warnings) logger.warn({ engine: 'queue' }, warning);
  if (!options.appliesSchedules) return;
  const context = { ledger: createOccurrenceLedger(database), queue };
  const { items } = await applyRegistry(context, declareRegistry(catalog), options.appliedBy);
  logPlan(logger, items, 'registry applied');
};

/**
 * Migrates and connects, again and again with growing pauses while an engine is
 * away, and says through the waiting room what is missing. Throws anything that
 * waiting does not mend, and `unavailable` when `signal` aborts.
 */
export const connectEngines = async (options: ConnectOptions): Promise<void> => {
  const { engines, settings, logger, clock, signal, servesHttp } = options;
  let waitingRoom: WaitingRoom | undefined;
  try {
    for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(delayMs * 2, LAST_RETRY_MS)) {
      try {
        await prepare(options);
        return;
      } catch (error) {
        if (!hasCode(error, 'unavailable')) throw error;
        logger.warn(
          { retry_in_ms: delayMs },
          `cannot start yet: ${messageOf(error)}; trying again`,
        );
      }
      if (servesHttp && waitingRoom === undefined) {
        waitingRoom = new WaitingRoom({
          host: settings.gateway.host,
          port: settings.gateway.port,
          readiness: () => probeEngines(engines.database, engines.queue),
          logger,
          version: packageVersion(),
        });
        await waitingRoom.start();
      }
      await clock.sleep(delayMs, signal);
      if (signal.aborted)
        throw new AppError('unavailable', 'stopped while waiting for the engines');
    }
  } finally {
    await waitingRoom?.stop();
  }
};
