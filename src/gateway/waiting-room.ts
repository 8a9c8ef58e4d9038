import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { AppError } from '#core/errors';
import type { Service } from '#core/service';
import { createServer } from './http/server.ts';
import { listen } from './listen/listen.ts';
import { type ReadinessCheck, registerHealthRoutes } from './routes/health-routes.ts';

export interface WaitingRoomOptions {
  readonly host: string;
  readonly port: number;
  readonly readiness: () => Promise<readonly ReadinessCheck[]>;
  readonly logger: FastifyBaseLogger;
  readonly version: string;
}

const HEALTH_PATHS = new Set(['/livez', '/readyz', '/healthz']);

/**
 * Holds the gateway's address while an engine is away at start: health is told,
 * everything else is asked to come again. The gateway itself takes over once
 * the engines are there.
 */
export class WaitingRoom implements Service {
  readonly name = 'waiting room';
  readonly #options: WaitingRoomOptions;
  #app: FastifyInstance | null = null;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { host, port, readiness, logger, version } = this.#options;
    const app = await createServer({ logger, version, isHttps: false, basePath: () => '' });
    app.addHook('onRequest', async (request) => {
      if (!HEALTH_PATHS.has(request.url.split('?', 1)[0] ?? ''))
        throw new AppError('unavailable', 'the system is starting; /readyz says what is missing', {
          retryAfterSeconds: 5,
        });
    });
    registerHealthRoutes(app, readiness);
    try {
      await listen(app, host, port);
    } catch (error) {
      await app.close();
      throw error;
    }
    this.#app = app;
  }

  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = null;
    if (app === null) return;
    const closing = app.close();
    app.server.closeAllConnections();
    await closing;
  }
}
