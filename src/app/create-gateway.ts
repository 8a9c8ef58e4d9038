import { createBoard } from '#board/board';
import { type BoardQueue, boardJobPath, toBoardQueues } from '#board/board-queue';
import { loadPolicy } from '#config/policy-files';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import { packageVersion } from '#core/package-version';
import type { GatewayKey } from '#gateway/access/gateway-key';
import { PostgresApiKeyStore } from '#gateway/access/postgres-api-key-store';
import { PostgresSessionStore } from '#gateway/access/postgres-session-store';
import { RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import { GatewayService } from '#gateway/gateway';
import { TOOL_LIMITS_SCHEMA } from '#gateway/governance/tool-limits';
import type { ReadinessCheck } from '#gateway/routes/health-routes';
import { createJobsTool, type JobsToolOptions } from '#gateway/tools/jobs-tool';
import { findRunOfQueueJob } from '#runner/ledger/run-ledger';
import type { Runs } from '#runner/runs';
import type { TaskCatalog } from '#runner/task-catalog';
import type { Logger } from '#telemetry/logger';
import type { Engines } from './open-engines.ts';
import { probeEngines, probeWorkers } from './readiness.ts';

export interface GatewayParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly engines: Engines;
  readonly catalog: TaskCatalog;
  readonly runs: Runs;
  readonly gatewayKey: GatewayKey;
  /** How the registry's file stands to what is in force. */
  readonly registryReadiness: () => ReadinessCheck;
}

const queuesByTask = (catalog: TaskCatalog): ReadonlyMap<string, BoardQueue> =>
  new Map(
    toBoardQueues(catalog.values()).flatMap((each) => each.tasks.map(({ id }) => [id, each])),
  );

const createBoardPaths = (catalog: TaskCatalog): JobsToolOptions['boardPathOf'] => {
  let queues = queuesByTask(catalog);
  catalog.subscribe(() => {
    queues = queuesByTask(catalog);
  });
  return ({ taskId, runId }) => {
    const queue = queues.get(taskId);
    return queue === undefined ? null : boardJobPath(queue, runId);
  };
};

/** The gateway with its tools and the board, wired to the runner; not started yet. */
export const createGateway = async (parts: GatewayParts): Promise<GatewayService> => {
  const { settings, logger, clock, engines, catalog, runs, gatewayKey } = parts;
  const { database, queue } = engines;
  const dir = settings.policyDir;
  const [matrix, limits] = await Promise.all([
    loadPolicy({ dir, name: 'rbac_tools_matrix', schema: RBAC_MATRIX_SCHEMA }),
    loadPolicy({ dir, name: 'tool_limits', schema: TOOL_LIMITS_SCHEMA }),
  ]);
  return new GatewayService({
    host: settings.gateway.host,
    port: settings.gateway.port,
    publicUrl: settings.gateway.publicUrl,
    gatewayKey,
    keys: new PostgresApiKeyStore(database),
    sessions: new PostgresSessionStore(database, gatewayKey.key),
    matrix,
    limits,
    tools: [createJobsTool({ runs, boardPathOf: createBoardPaths(catalog) })],
    runs,
    mounts: [
      createBoard({
        queues: toBoardQueues(catalog.values()),
        onQueuesChange: (listener) =>
          catalog.subscribe(() => listener(toBoardQueues(catalog.values()))),
        engine: queue,
        runs,
        clock,
        environment: null,
        findRunId: async ({ queueName, jobId }) =>
          (await findRunOfQueueJob(database, queueName, jobId))?.id ?? null,
      }),
    ],
    readiness: async () => [
      ...(await probeEngines(database, queue)),
      await probeWorkers(database),
      parts.registryReadiness(),
    ],
    clock,
    logger,
    version: packageVersion(),
  });
};
