import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { AuditStore } from '#audit/audit-store';
import type { Clock } from '#core/clock';
import { AppError, messageOf } from '#core/errors';
import type { Service } from '#core/service';
import type { Runs } from '#runner/runs';
import type { ApiKeyStore } from './access/api-key.ts';
import { Authenticator } from './access/authenticator.ts';
import { FailedAuthentications } from './access/failed-authentications.ts';
import type { GatewayKey } from './access/gateway-key.ts';
import { registerLoginRoutes } from './access/login-routes.ts';
import type { RbacMatrix } from './access/rbac-matrix.ts';
import { requirePrincipal } from './access/require-principal.ts';
import { type PublicAddress, toPublicAddress } from './access/same-origin.ts';
import type { SessionStore } from './access/session-store.ts';
import { CallTrail } from './governance/call-trail.ts';
import { createPipeline } from './governance/pipeline.ts';
import type { LateEnd } from './governance/steps/execute-step.ts';
import type { Tool } from './governance/tool.ts';
import type { ToolLimits } from './governance/tool-limits.ts';
import { auditCalls } from './http/audit-calls.ts';
import { acceptJsonBodies } from './http/json-body.ts';
import { createServer } from './http/server.ts';
import { isLoopback, listen, toUrl } from './listen/listen.ts';
import { type GatewayMount, registerMount } from './mount.ts';
import { registerAssetRoutes } from './routes/asset-routes.ts';
import { createCallTool } from './routes/call-tool.ts';
import { registerDashboardRoutes } from './routes/dashboard-routes.ts';
import { type ReadinessCheck, registerHealthRoutes } from './routes/health-routes.ts';
import { registerRunRoutes } from './routes/run-routes.ts';
import { registerToolListRoute } from './routes/tool-list-route.ts';
import { registerToolRoutes } from './routes/tool-routes.ts';

export interface GatewayOptions {
  /** GATEWAY_HOST */
  readonly host: string;
  /** GATEWAY_PORT; 0 takes any free one. */
  readonly port: number;
  /** PUBLIC_URL; null: the address it listens on. */
  readonly publicUrl: string | null;
  readonly gatewayKey: GatewayKey;
  readonly keys: ApiKeyStore;
  readonly sessions: SessionStore;
  /** Where the event of every tool call goes. */
  readonly audit: Pick<AuditStore, 'write' | 'flush' | 'health'>;
  readonly matrix: RbacMatrix;
  readonly limits: ToolLimits;
  readonly tools: readonly Tool[];
  readonly runs: Runs;
  readonly mounts: readonly GatewayMount[];
  readonly readiness: () => Promise<readonly ReadinessCheck[]>;
  readonly clock: Clock;
  readonly logger: FastifyBaseLogger;
  readonly version: string;
}

/** How long `stop` waits for answers under way before it cuts the connections, in milliseconds. */
const STOP_DEADLINE_MS = 5_000;
/** How long the answers that the deadline calls forth have to get away, in milliseconds. */
const LAST_ANSWERS_MS = 500;

const refuseOpenBind = async ({ host, gatewayKey, keys }: GatewayOptions): Promise<void> => {
  if (isLoopback(host) || gatewayKey.source === 'configured') return;
  // A key that somebody made on purpose will do as well; a database that is away cannot tell.
  const known = await keys.list().catch(() => []);
  if (known.some(({ revokedAt }) => revokedAt === null)) return;
  throw new AppError(
    'invalid_configuration',
    `GATEWAY_HOST ${host} is reached from other hosts, which needs a key of your choice: set GATEWAY_API_KEY, create one with "opsloop keys create", or set GATEWAY_HOST=127.0.0.1`,
  );
};

// Nobody waits for it any more, so the log alone can tell what became of it.
const logLateEnd = (logger: FastifyBaseLogger, end: LateEnd): void => {
  const { error, startedRunId, requestId, ...named } = end;
  const fields = { ...named, req_id: requestId, run_id: startedRunId ?? undefined };
  if (error === null) logger.warn(fields, 'a tool call succeeded after its caller was told 504');
  else logger.info({ ...fields, err: error }, 'a tool call ended after its caller was told 504');
};

/** The HTTP server with its tools, login and mounted parts. */
export class GatewayService implements Service {
  readonly name = 'gateway';
  readonly #options: GatewayOptions;
  #app: FastifyInstance | null = null;
  #starting: Promise<void> | null = null;
  #stopping = new AbortController();
  #address: PublicAddress;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#address = toPublicAddress(options.publicUrl ?? toUrl(options.host, options.port));
  }

  /** Where people and scripts reach the gateway; final once it listens. */
  get publicUrl(): string {
    return this.#address.url;
  }

  /** The OpenAPI document of the routes, once started. */
  openApi(): object {
    if (this.#app === null) throw new Error('the gateway is not started');
    return this.#app.swagger();
  }

  /** Throws `in_use`, `invalid_configuration` or `invalid_policy` with one line that says what to change. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    const app = this.#app;
    this.#app = null;
    this.#starting = null;
    if (app === null) return;
    const stopped = new AbortController();
    const closing = app.close().finally(() => stopped.abort());
    await this.#options.clock.sleep(STOP_DEADLINE_MS, stopped.signal);
    this.#stopping.abort();
    await this.#options.clock.sleep(LAST_ANSWERS_MS, stopped.signal);
    if (!stopped.signal.aborted) app.server.closeAllConnections();
    await closing;
  }

  async #start(): Promise<void> {
    const { host, port, publicUrl, logger, version } = this.#options;
    this.#stopping = new AbortController();
    await refuseOpenBind(this.#options);
    const app = await createServer({
      logger,
      version,
      isHttps: this.#address.isHttps,
      basePath: () => this.#address.basePath,
      errorFormats: this.#options.mounts,
    });
    try {
      await this.#registerRoutes(app);
      const actualPort = await listen(app, host, port);
      if (publicUrl === null) this.#address = toPublicAddress(toUrl(host, actualPort));
    } catch (error) {
      await app.close();
      throw error;
    }
    this.#app = app;
  }

  async #registerRoutes(app: FastifyInstance): Promise<void> {
    const { keys, sessions, matrix, limits, tools, runs, mounts, clock } = this.#options;
    const { audit, logger } = this.#options;
    const address = (): PublicAddress => this.#address;
    const trail = new CallTrail({ audit, clock, logger });
    auditCalls(app, trail);
    const authenticator = new Authenticator({
      gatewayKey: this.#options.gatewayKey.key,
      keys,
      sessions,
      matrix,
      failures: new FailedAuthentications(clock),
    });
    const pipeline = createPipeline({
      tools,
      matrix,
      limits,
      trail,
      clock,
      stopping: this.#stopping.signal,
      onLateEnd: (end) => logLateEnd(logger, end),
    });

    registerHealthRoutes(app, () => this.#readiness());
    registerAssetRoutes(app);
    await app.register((scope) =>
      registerLoginRoutes(scope, { authenticator, sessions, address, clock }),
    );
    await app.register(async (scope) => {
      requirePrincipal(scope, { authenticator, address });
      acceptJsonBodies(scope);
      scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
      const callTool = createCallTool({ pipeline, publicUrl: () => this.publicUrl });
      registerToolListRoute(scope, { tools, matrix });
      registerToolRoutes(scope, { tools, limits, callTool });
      registerDashboardRoutes(scope, { tools, callTool });
      registerRunRoutes(scope, runs);
      for (const mount of mounts)
        await scope.register(
          (part) => registerMount(part, mount, { basePath: this.#address.basePath, trail }),
          { prefix: mount.prefix },
        );
    });
  }

  async #readiness(): Promise<readonly ReadinessCheck[]> {
    try {
      return await this.#options.readiness();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the readiness checks themselves failed');
      const detail = error instanceof AppError ? messageOf(error) : 'the check itself failed';
      return [{ name: 'readiness', ok: false, detail }];
    }
  }
}
