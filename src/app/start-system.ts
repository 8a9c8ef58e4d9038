import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Settings } from '#config/settings';
import { systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { ensureGatewayKey, type GatewayKey } from '#gateway/access/gateway-key';
import type { GatewayService } from '#gateway/gateway';
import { createRuns } from '#runner/create-runs';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { LiveCatalog } from '#runner/live-catalog';
import { Supervisor } from '#runner/supervise/supervisor';
import { queueNamesOf } from '#runner/task-catalog';
import { Worker } from '#runner/worker';
import type { Logger } from '#telemetry/logger';
import { openAuditTrail } from './audit-trail.ts';
import { connectEngines } from './connect-engines.ts';
import { createGateway } from './create-gateway.ts';
import { createJobExecutor } from './create-job-executor.ts';
import { loadCatalog } from './load-catalog.ts';
import { logRunEvents } from './log-run-events.ts';
import { logSupervision } from './log-supervision.ts';
import { openEngines } from './open-engines.ts';
import { createPolicies } from './policies.ts';
import { createRegistryWatch } from './reload/create-registry-watch.ts';
import { registryReadiness } from './reload/registry-readiness.ts';
import { resultSettings } from './result-settings.ts';

export type SystemRole = 'all' | 'gateway' | 'worker';

export interface System {
  /** Empty for a worker, which serves no HTTP. */
  readonly boardUrl: string;
  readonly gatewayUrl: string;
  /** File with the generated admin key; null when it is configured. */
  readonly keyFile: string | null;
  /** From the call to readiness, in milliseconds. */
  readonly readyMs: number;
  /** Reads the registry again at once; what comes of it is logged. */
  reloadRegistry(): void;
  /** Takes no further work, lets active runs end within the grace, closes everything. Idempotent. */
  stop(): Promise<void>;
}

export interface StartSystemOptions {
  readonly settings: Settings;
  readonly role: SystemRole;
  readonly logger: Logger;
  /** Gives up waiting for engines that are away. */
  readonly signal: AbortSignal;
}

/** Starts the parts of a role in order; resolves when the system is ready to serve. */
export const startSystem = async (options: StartSystemOptions): Promise<System> => {
  const { settings, role, logger, signal } = options;
  const clock = systemClock;
  const startedAt = clock.now().getTime();
  for (const warning of settings.warnings) logger.warn(warning);

  const servesHttp = role !== 'worker';
  const runsJobs = role !== 'gateway';
  const loaded = await loadCatalog(settings);
  // The one that every part looks tasks up in, so that all of them change to another registry at once.
  const catalog = new LiveCatalog(loaded.catalog);

  const stops: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (const stopOne of stops.reverse()) await stopOne();
    })();
    return stopping;
  };

  try {
    const engines = await openEngines({
      settings,
      logger,
      clock,
      mode: 'own',
      consumedQueues: runsJobs ? queueNamesOf(catalog).size : null,
    });
    stops.push(() => engines.close());
    const { database, queue } = engines;
    // After the engines, which give the data directory the mode that its server needs.
    const gatewayKey: GatewayKey | null = servesHttp
      ? await ensureGatewayKey({
          dataDir: settings.dataDir,
          configured: settings.gateway.apiKey ?? undefined,
        })
      : null;
    await connectEngines({
      engines,
      settings,
      logger,
      clock,
      catalog,
      servesHttp,
      appliesSchedules: runsJobs,
      appliedBy: `start:${hostname()}`,
      signal,
    });
    // In every process, since each forwards what others on the host left in the spool.
    const audit = await openAuditTrail({ settings, logger }, database);
    stops.push(() => audit.close());
    const occurrences = createOccurrenceLedger(database);
    const supervisor = new Supervisor({
      database,
      ledger: occurrences,
      queue,
      catalog,
      clock,
      observer: logSupervision(logger),
    });
    stops.push(() => supervisor.stop());
    await supervisor.start();

    if (runsJobs) {
      const worker = new Worker({
        record: {
          id: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
          host: hostname(),
          pid: process.pid,
          settings: resultSettings(settings),
        },
        catalog,
        database,
        occurrences,
        queue,
        clock,
        executor: createJobExecutor(
          {
            settings,
            database,
            adminDsn: settings.database.adminUrl,
            catalog,
            clock,
            policies: createPolicies(settings.policyDir),
          },
          { dsn: engines.dsn },
        ),
        observer: logRunEvents(logger),
        journalDirectory: `${settings.dataDir}/journal`,
        concurrency: settings.workerConcurrency,
        shutdownGraceMs: settings.shutdownGraceMs,
        random: Math.random,
      });
      stops.push(() => worker.stop());
      await worker.start();
    }

    const registryWatch = createRegistryWatch({
      settings,
      logger,
      clock,
      engines,
      catalog,
      text: loaded.source.text,
      appliesSchedules: runsJobs,
    });
    const startGateway = async (key: GatewayKey): Promise<GatewayService> => {
      const runs = createRuns({ catalog, database, occurrences, queue, clock });
      const gateway = await createGateway({
        settings,
        logger,
        clock,
        engines,
        catalog,
        runs,
        audit,
        gatewayKey: key,
        registryReadiness: () => registryReadiness(catalog.size, registryWatch.state),
      });
      stops.push(() => gateway.stop());
      await gateway.start();
      return gateway;
    };
    const gateway = gatewayKey === null ? null : await startGateway(gatewayKey);
    // Last, so that everything that follows a change is there to follow it.
    stops.push(() => registryWatch.stop());
    await registryWatch.start();
    if (signal.aborted) throw new AppError('unavailable', 'stopped while starting');

    const gatewayUrl = gateway?.publicUrl ?? '';
    return {
      gatewayUrl,
      boardUrl: gateway === null ? '' : `${gatewayUrl}/board`,
      keyFile: gatewayKey?.file ?? null,
      readyMs: clock.now().getTime() - startedAt,
      reloadRegistry: () => void registryWatch.reload(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
