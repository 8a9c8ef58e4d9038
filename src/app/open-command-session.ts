import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import { localUserName } from '#core/local-user';
import { firstInstantOf } from '#occurrences/wall-instants';
import { createRuns } from '#runner/create-runs';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { listLiveWorkers } from '#runner/ledger/workers';
import type { Actor } from '#runner/run';
import { runInline } from '#runner/run-inline';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import type { Logger } from '#telemetry/logger';
import type { CommandSession, RunWatch } from './command-session.ts';
import { type InlineParts, withInlineEnvironment } from './inline-environment.ts';
import { loadCatalog } from './load-catalog.ts';
import { migrationsDirectory, openMigrationDatabase } from './migrate.ts';
import { openEngines } from './open-engines.ts';
import { differingSettings, resultSettings } from './result-settings.ts';
import { runBackfillHere } from './run-backfill-here.ts';
import { waitForBackfill } from './wait-for-backfill.ts';
import { waitForRun } from './wait-for-run.ts';

const localActor = (): Actor => ({
  id: `cli:${localUserName()}`,
  entitlements: new Set(['*']),
  isAdmin: true,
});

/** Opens ledger and queue for one command; migrates, since the command may be the first to come. */
export const openCommandSession = async (options: {
  readonly settings: Settings;
  readonly logger: Logger;
}): Promise<CommandSession> => {
  const { settings, logger } = options;
  const clock = systemClock;
  const { registry, catalog } = await loadCatalog(settings);
  const engines = await openEngines({
    settings,
    logger,
    clock,
    mode: 'attach-or-own',
    consumedQueues: null,
  });
  const { database, queue } = engines;
  try {
    const migrator = openMigrationDatabase(settings, engines.dsn);
    try {
      await applyMigrations(migrator, { migrations: await listMigrations(migrationsDirectory()) });
    } finally {
      await migrator.close();
    }
  } catch (error) {
    await engines.close();
    throw error;
  }
  const actor = localActor();
  const occurrences = createOccurrenceLedger(database);
  const runs = createRuns({ catalog, database, occurrences, queue, clock });
  const own = resultSettings(settings);
  const parts: InlineParts = { settings, logger, database, catalog, clock };

  const runHere: CommandSession['runInline'] = (request, watch) =>
    withInlineEnvironment(parts, async (environment) => {
      const following = new AbortController();
      let followed: Promise<unknown> = Promise.resolve();
      try {
        const ended = await runInline(environment, request, (accepted) => {
          // Cancelling goes through the ledger, so that it is recorded with who asked.
          const cancel = (): void => {
            void runs
              .cancel(actor, accepted.id, 'interrupted at the terminal')
              .catch(() => undefined);
          };
          if (watch.signal.aborted) cancel();
          else watch.signal.addEventListener('abort', cancel, { once: true });
          const watchHere: RunWatch = { ...watch, signal: following.signal };
          followed = waitForRun(
            { runs, database, clock, actor, watch: watchHere },
            accepted.id,
          ).catch(() => undefined);
        });
        await followed;
        return ended;
      } finally {
        following.abort();
        await followed;
      }
    });

  return {
    settings,
    registry,
    actor,
    runs,
    async findLiveSystem() {
      const workers = await listLiveWorkers(database);
      return workers.length === 0
        ? null
        : { workers: workers.length, differingSettings: differingSettings(own, workers) };
    },
    runInline: runHere,
    follow: (runId, watch) => waitForRun({ runs, database, clock, actor, watch }, runId),
    applyRegistry: () =>
      applyRegistry({ ledger: occurrences, queue }, declareRegistry(catalog), actor.id),
    runBackfill: (backfill, watch) => runBackfillHere({ ...parts, runs, actor }, backfill, watch),
    followBackfill: (backfillId, watch) =>
      waitForBackfill({ runs, clock, actor }, backfillId, watch),
    startOfDay: (timezone, date) =>
      new Date(firstInstantOf(timezone, Date.parse(`${date}T00:00:00Z`))),
    close: () => engines.close(),
  };
};
