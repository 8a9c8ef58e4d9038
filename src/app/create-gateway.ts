import type { AuditStore } from '#audit/audit-store';
import { createBoard } from '#board/board';
import { type BoardQueue, boardJobPath, toBoardQueues } from '#board/board-queue';
import { DATA_GOVERNANCE_POLICY } from '#config/data-governance-policy';
import { loadPolicy } from '#config/policy-files';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import type { RowEffects } from '#core/effects';
import { packageVersion } from '#core/package-version';
import { COST_WEIGHTS } from '#finops/cost-weights';
import type { GatewayKey } from '#gateway/access/gateway-key';
import { PostgresApiKeyStore } from '#gateway/access/postgres-api-key-store';
import { PostgresSessionStore } from '#gateway/access/postgres-session-store';
import { listUnusedEntitlements, RBAC_MATRIX_SCHEMA } from '#gateway/access/rbac-matrix';
import { GatewayService } from '#gateway/gateway';
import { TOOL_LIMITS_SCHEMA } from '#gateway/governance/tool-limits';
import type { ReadinessCheck } from '#gateway/routes/health-routes';
import { createCostTool } from '#gateway/tools/cost-tool';
import { createDataGovernanceTool } from '#gateway/tools/data-governance-tool';
import { createJobsTool, type JobsToolOptions } from '#gateway/tools/jobs-tool';
import { findRunOfQueueJob } from '#runner/ledger/run-ledger';
import type { Runs } from '#runner/runs';
import type { TaskCatalog } from '#runner/task-catalog';
import type { Logger } from '#telemetry/logger';
import type { Engines } from './open-engines.ts';
import { createPrivacyStores } from './privacy-stores.ts';
import { probeAudit, probeEngines, probeWorkers } from './readiness.ts';

export interface GatewayParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly engines: Engines;
  readonly catalog: TaskCatalog;
  readonly runs: Runs;
  readonly audit: AuditStore;
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

/** The tool looks; only a run of the digest may remember what was found. */
const NO_ROW_CHANGES: RowEffects = {
  apply: () => Promise.reject(new Error('the gateway changes no privacy findings')),
};

const taskEntitlements = (catalog: TaskCatalog): readonly string[] =>
  [...catalog.values()].flatMap(({ task }) => [
    ...task.permissions.start,
    ...task.permissions.read,
  ]);

/** The gateway with its tools and the board, wired to the runner; not started yet. */
export const createGateway = async (parts: GatewayParts): Promise<GatewayService> => {
  const { settings, logger, clock, engines, catalog, runs, audit, gatewayKey } = parts;
  const { database, queue } = engines;
  const dir = settings.policyDir;
  const [matrix, limits] = await Promise.all([
    loadPolicy({ dir, name: 'rbac_tools_matrix', schema: RBAC_MATRIX_SCHEMA }),
    loadPolicy({ dir, name: 'tool_limits', schema: TOOL_LIMITS_SCHEMA }),
  ]);
  for (const warning of listUnusedEntitlements(matrix, taskEntitlements(catalog)))
    logger.warn(`rbac_tools_matrix.yml: ${warning}`);
  return new GatewayService({
    host: settings.gateway.host,
    port: settings.gateway.port,
    publicUrl: settings.gateway.publicUrl,
    gatewayKey,
    keys: new PostgresApiKeyStore(database),
    sessions: new PostgresSessionStore(database, gatewayKey.key),
    audit,
    matrix,
    limits,
    tools: [
      createJobsTool({ runs, boardPathOf: createBoardPaths(catalog) }),
      createCostTool({
        audit,
        loadWeights: () => loadPolicy({ dir, name: 'cost_weights', schema: COST_WEIGHTS }),
        clock,
      }),
      createDataGovernanceTool({
        ...createPrivacyStores({ settings, database, catalog, rows: NO_ROW_CHANGES }),
        events: audit,
        loadPolicy: () =>
          loadPolicy({ dir, name: 'data_governance_policy', schema: DATA_GOVERNANCE_POLICY }),
        clock,
      }),
    ],
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
      probeAudit(audit),
      parts.registryReadiness(),
    ],
    clock,
    logger,
    version: packageVersion(),
  });
};
