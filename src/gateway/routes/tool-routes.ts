import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '#core/errors';
import type { Pipeline } from '../governance/pipeline.ts';
import type { Tool } from '../governance/tool.ts';
import { limitsOf, type ToolLimits } from '../governance/tool-limits.ts';
import { principalOf } from '../http/request-context.ts';

export interface ToolRoutesOptions {
  readonly tools: readonly Tool[];
  readonly limits: ToolLimits;
  readonly pipeline: Pipeline;
  readonly publicUrl: () => string;
}

interface ToolBody {
  readonly action: unknown;
  readonly params: unknown;
  /** Where the params stand in the body, for the paths of violations. */
  readonly paramsPath: '$.params' | '$';
}

/** Reads `{action, params}` and the flat form `{action, …params}`. Throws `invalid_input`. */
const readToolBody = (body: unknown): ToolBody => {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new AppError('invalid_input', 'the body must be a JSON object', {
      violations: [{ path: '$', message: 'must be {"action": …, "params": {…}}' }],
    });
  const { action, ...rest } = body as Record<string, unknown>;
  if (!Object.hasOwn(rest, 'params')) return { action, params: rest, paramsPath: '$' };
  const unknown = Object.keys(rest).filter((name) => name !== 'params');
  if (unknown.length > 0)
    throw new AppError('invalid_input', 'beside params the body takes an action alone', {
      violations: unknown.map((name) => ({
        path: `$.${name}`,
        message: 'is not a known key; accepted: action, params',
      })),
    });
  return { action, params: rest['params'], paramsPath: '$.params' };
};

// Schemas and the runner speak of `$` as the params; the caller sent a body around them.
const inBody = (error: unknown, paramsPath: ToolBody['paramsPath']): unknown => {
  if (!(error instanceof AppError) || error.violations.length === 0 || paramsPath === '$')
    return error;
  return new AppError(error.code, error.message, {
    cause: error.cause,
    details: error.details,
    violations: error.violations.map(({ path, message }) => ({
      path: path === '$.action' ? path : path.replace(/^\$/, paramsPath),
      message,
    })),
    ...(error.retryAfterSeconds === undefined
      ? {}
      : { retryAfterSeconds: error.retryAfterSeconds }),
  });
};

const idempotencyKeyOf = (request: FastifyRequest): string | undefined => {
  const value = request.headers['idempotency-key'];
  return Array.isArray(value) ? value[0] : value;
};

const bodySchema = (tool: Tool) => ({
  type: 'object',
  required: ['action'],
  oneOf: Object.entries(tool.actions).map(([name, action]) => ({
    type: 'object',
    title: name,
    description: action.description,
    required: ['action'],
    properties: { action: { const: name }, params: action.params },
  })),
});

/** `POST /v1/tools/<name>` for every tool and alias. */
export const registerToolRoutes = (scope: FastifyInstance, options: ToolRoutesOptions): void => {
  const call = async (tool: string, request: FastifyRequest) => {
    const { action, params, paramsPath } = readToolBody(request.body);
    try {
      return await options.pipeline({
        tool,
        action,
        params,
        principal: principalOf(request),
        requestId: request.id,
        idempotencyKey: idempotencyKeyOf(request),
        publicUrl: options.publicUrl(),
      });
    } catch (error) {
      throw inBody(error, paramsPath);
    }
  };

  for (const tool of options.tools)
    for (const name of [tool.name, ...tool.aliases])
      scope.post(
        `/v1/tools/${name}`,
        {
          bodyLimit: limitsOf(options.limits, tool.name).maxBodyBytes,
          schema: {
            tags: ['tools'],
            summary: tool.description,
            body: bodySchema(tool),
            operationId: `tool_${name}`,
          },
        },
        async (request, reply) => {
          const answer = await call(name, request);
          return reply.code(answer.status).send(answer.body);
        },
      );

  // A name that no tool has: the pipeline says which there are.
  scope.post<{ Params: { tool: string } }>(
    '/v1/tools/:tool',
    { schema: { hide: true } },
    async (request, reply) => {
      const answer = await call(request.params.tool, request);
      return reply.code(answer.status).send(answer.body);
    },
  );
};
