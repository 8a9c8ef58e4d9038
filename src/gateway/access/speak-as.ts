import type { FastifyRequest } from 'fastify';
import { AppError } from '#core/errors';

declare module 'fastify' {
  interface FastifyRequest {
    /** Selects among the agents that the sender may speak for; null until it is authenticated. */
    select: ((agentId: string | undefined) => void) | null;
  }
}

/**
 * Makes an authenticated request speak for the agent that its body names. Throws
 * `forbidden` when the key is not bound to it, `invalid_input` when the header
 * names another one.
 */
export const speakAs = (request: FastifyRequest, agentId: unknown): void => {
  const named = request.headers['x-agent-id'];
  if (typeof agentId !== 'string' || agentId === '')
    throw new AppError('invalid_input', 'the body names its agent wrongly', {
      violations: [{ path: '$.agent_id', message: 'must be the name of an agent' }],
    });
  if (named !== undefined && named !== '' && named !== agentId)
    throw new AppError('invalid_input', 'the body and X-Agent-Id name different agents', {
      violations: [{ path: '$.agent_id', message: 'must be the agent that X-Agent-Id names' }],
    });
  request.select?.(agentId);
};
