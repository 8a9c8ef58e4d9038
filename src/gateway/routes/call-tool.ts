import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Pipeline } from '../governance/pipeline.ts';
import { callOf, noteGraph } from '../http/audit-calls.ts';
import { principalOf } from '../http/request-context.ts';

export interface WantedCall {
  readonly tool: string;
  readonly action: unknown;
  readonly params: unknown;
}

/** Sends a call through the pipeline for an HTTP request, and answers it. */
export type CallTool = (
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: WantedCall,
) => Promise<FastifyReply>;

const idempotencyKeyOf = (request: FastifyRequest): string | undefined => {
  const value = request.headers['idempotency-key'];
  return Array.isArray(value) ? value[0] : value;
};

export const createCallTool =
  (options: { readonly pipeline: Pipeline; readonly publicUrl: () => string }): CallTool =>
  async (request, reply, wanted) => {
    const record = callOf(request);
    noteGraph(request, record);
    const answer = await options.pipeline({
      ...wanted,
      bodyBytes: request.bodyBytes,
      principal: principalOf(request),
      record,
      requestId: request.id,
      idempotencyKey: idempotencyKeyOf(request),
      publicUrl: options.publicUrl(),
    });
    return reply.code(answer.status).send(answer.body);
  };
