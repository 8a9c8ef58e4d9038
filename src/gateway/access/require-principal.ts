import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasCode } from '#core/errors';
import { wantsPage } from '../http/request-context.ts';
import type { Authenticator } from './authenticator.ts';
import { readCredentials } from './credentials.ts';
import { type PublicAddress, refuseOtherOrigin, requireSameOrigin } from './same-origin.ts';
import { sessionTokenOf } from './session-cookie.ts';

const headerOf = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

const isChange = (request: FastifyRequest): boolean =>
  request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'OPTIONS';

const authenticate = async (
  authenticator: Authenticator,
  address: PublicAddress,
  request: FastifyRequest,
): Promise<void> => {
  const credentials = readCredentials(request.headers, sessionTokenOf(request, address));
  if (isChange(request)) {
    if (credentials.kind === 'session') requireSameOrigin(request.headers, address);
    // A browser repeats Basic credentials by itself, as it does a cookie.
    else refuseOtherOrigin(request.headers, address);
  }
  const grant = await authenticator.identify(credentials, request.ip);
  const via = credentials.kind === 'session' ? 'session' : 'key';
  request.call?.noteSender(via, grant.keyId);
  request.select = (agentId) => {
    const workspaceId = headerOf(request, 'x-workspace-id');
    const principal = authenticator.select(grant, { agentId, workspaceId }, via);
    request.call?.notePrincipal(principal);
    request.principal = principal;
  };
  request.select(headerOf(request, 'x-agent-id'));
};

/**
 * Puts every route of `scope` behind authentication, before anything of the
 * body is read. A browser that asks for a page is sent to the login instead of
 * being told 401.
 */
export const requirePrincipal = (
  scope: FastifyInstance,
  options: { readonly authenticator: Authenticator; readonly address: () => PublicAddress },
): void => {
  scope.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const address = options.address();
    try {
      await authenticate(options.authenticator, address, request);
    } catch (error) {
      if (!hasCode(error, 'unauthenticated')) throw error;
      if (request.method === 'GET' && wantsPage(request)) {
        const next = encodeURIComponent(request.url);
        return reply.redirect(`${address.basePath}/login?next=${next}`, 303);
      }
      // Not Basic: browsers would answer with a dialog of their own.
      reply.header('www-authenticate', 'Bearer realm="opsloop"');
      throw error;
    }
  });
};
