import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import cookie from '@fastify/cookie';
import swagger from '@fastify/swagger';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  LogController,
} from 'fastify';
import { AppError } from '#core/errors';
import { holdsSecret } from '../governance/redact-params.ts';
import { answerErrors, type ErrorFormat } from './answer-errors.ts';
import { toErrorAnswer } from './error-answer.ts';
import { KnownRoutes } from './known-routes.ts';
import { registerSecurityHeaders } from './security-headers.ts';

export interface ServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly version: string;
  readonly isHttps: boolean;
  readonly basePath: () => string;
  readonly errorFormats?: readonly ErrorFormat[];
}

/** Bodies of routes that do not say otherwise, in bytes. */
const DEFAULT_BODY_BYTES = 262_144;
/** A client has this long to send its request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

// A client's id is taken over so that its log and ours can be read together.
const requestIdOf = (sent: string | string[] | undefined): string =>
  typeof sent === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(sent) && !holdsSecret(sent)
    ? sent
    : randomUUID();

/** JSON with instants as RFC 3339 text and whole numbers beyond the safe range as text. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? String(inner) : inner,
  );

const BROKEN_REQUESTS: Readonly<Record<string, { status: string; message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    message: 'the headers are too large; 16 KiB are accepted',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    message: 'the request did not arrive in time',
  },
};

/** What the parser could not read never becomes a request; it has no hooks, no log and no event. */
const answerBrokenRequest = (error: { readonly code?: string }, socket: Socket): void => {
  if (!socket.writable) return;
  const { status, message } = BROKEN_REQUESTS[error.code ?? ''] ?? {
    status: '400 Bad Request',
    message: 'the request is not well-formed HTTP',
  };
  const body = toJson(toErrorAnswer(new AppError('invalid_request', message), randomUUID()).body);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
};

const logRequests = (app: FastifyInstance): void => {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const fields = {
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime),
      key_id: request.principal?.keyId,
    };
    if (reply.statusCode >= 500) request.log.warn(fields, 'request answered');
    else request.log.debug(fields, 'request answered');
  });
};

/** The bare server: ids, headers, errors, OpenAPI; no route yet. */
export const createServer = async (options: ServerOptions): Promise<FastifyInstance> => {
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'req_id' }),
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    bodyLimit: DEFAULT_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 512 },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => {
      const answer = toErrorAnswer(error, request.id);
      // The framework types this reply as one that may send nothing.
      return (reply as unknown as FastifyReply).code(answer.status).send(answer.body);
    },
  });
  app.decorateRequest('principal', null);
  app.decorateRequest('select', null);
  app.setReplySerializer(toJson);
  // The pipeline validates; a route's schema only describes it in /openapi.json.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => toJson);

  const routes = new KnownRoutes();
  app.addHook('onRoute', ({ path, method }) => {
    routes.add(path, [method].flat());
  });
  logRequests(app);
  await registerSecurityHeaders(app, options);
  await app.register(cookie);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Opsloop gateway', version: options.version },
      components: {
        securitySchemes: {
          api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
      security: [{ api_key: [] }, { bearer: [] }],
    },
  });
  answerErrors(app, { routes, basePath: options.basePath, formats: options.errorFormats ?? [] });
  return app;
};
