import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import { createRuns } from '#runner/create-runs';
import { EndJournal } from '#runner/end-journal';
import { LeaseKeeper } from '#runner/lease-keeper';
import { listLiveWorkers } from '#runner/ledger/workers';
import type { Actor } from '#runner/run';
import { type InlineEnvironment, runInline } from '#runner/run-inline';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import type { Logger } from '#telemetry/logger';
import type { CommandSession, RunWatch } from './command-session.ts';
import { createInProcessExecutor } from './execute-job.ts';
import { loadCatalog } from './load-catalog.ts';
import { logRunEvents } from './log-run-events.ts';
import { migrationsDirectory, openMigrationDatabase } from './migrate.ts';
import { openEngines } from './open-engines.ts';
import { createPolicies } from './policies.ts';
import { differingSettings, resultSettings } from './result-settings.ts';
import { waitForRun } from './wait-for-run.ts';

const localActor = (): Actor => ({
  id: `cli:${userInfo().username}`,
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
    consumedQueues: 0,
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
  const runs = createRuns({ catalog, database, queue, clock });
  const own = resultSettings(settings);

  const runHere: CommandSession['runInline'] = async (request, watch) => {
    const workerId = `cli-${process.pid}-${randomUUID().slice(0, 8)}`;
    const keeper = new LeaseKeeper({
      database,
      clock,
      onError: (error) => {
        logger.debug({ err: error }, 'lease renewal');
      },
    });
    const journal = new EndJournal(`${settings.dataDir}/journal`, workerId);
    const shutdown = new AbortController();
    const environment: InlineEnvironment = {
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
        catalog,
        clock,
        policies: createPolicies(settings.policyDir),
      }),
      observer: logRunEvents(logger),
      shutdown: shutdown.signal,
      onJournalled: () => undefined,
    };
    await keeper.start();
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
      await keeper.stop();
      journal.close();
    }
  };

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
    close: () => engines.close(),
  };
};
