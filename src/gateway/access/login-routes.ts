import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '#core/clock';
import { hasCode } from '#core/errors';
import { sendPage } from '../http/request-context.ts';
import type { Authenticator } from './authenticator.ts';
import { LoginAttempts } from './login-attempts.ts';
import { renderLoginPage, renderLogoutPage } from './login-page.ts';
import { type PublicAddress, refuseOtherOrigin, requireSameOrigin } from './same-origin.ts';
import { clearSessionCookie, sessionTokenOf, setSessionCookie } from './session-cookie.ts';
import type { SessionStore } from './session-store.ts';

export interface LoginOptions {
  readonly authenticator: Authenticator;
  readonly sessions: SessionStore;
  readonly address: () => PublicAddress;
  readonly clock: Clock;
}

/** A path of ours to go to, never another site's: `//host` and `/\host` are such. */
const localPath = (wanted: unknown): string =>
  typeof wanted === 'string' && /^\/(?![/\\])[\x21-\x7e]{0,500}$/.test(wanted) ? wanted : '/board';

const field = (container: unknown, name: string): unknown =>
  container !== null && typeof container === 'object' && Object.hasOwn(container, name)
    ? Reflect.get(container, name)
    : undefined;

const registerLogin = (scope: FastifyInstance, options: LoginOptions): void => {
  const { authenticator, sessions, address, clock } = options;
  const attempts = new LoginAttempts(clock);

  scope.get('/login', { schema: { hide: true } }, async (request, reply) => {
    const next = localPath(field(request.query, 'next'));
    return sendPage(reply, renderLoginPage({ basePath: address().basePath, next, problem: null }));
  });

  const login = {
    schema: { hide: true },
    bodyLimit: 16_384,
    config: { call: { tool: 'board', action: 'login' } },
  };
  scope.post('/login', login, async (request, reply) => {
    refuseOtherOrigin(request.headers, address());
    attempts.begin(request.ip);
    const key = field(request.body, 'api_key');
    const next = localPath(field(request.body, 'next'));
    const grant =
      typeof key === 'string' && key.length <= 512
        ? await authenticator.findKeyGrant(key.trim())
        : null;
    if (grant === null) {
      reply.code(401);
      const problem = 'This key is unknown, expired or revoked.';
      return sendPage(reply, renderLoginPage({ basePath: address().basePath, next, problem }));
    }
    attempts.succeed(request.ip);
    request.call?.noteSender('session', grant.keyId);
    setSessionCookie(reply, address(), await sessions.open(grant.keyId));
    return reply.redirect(`${address().basePath}${next}`, 303);
  });
};

const registerLogout = (scope: FastifyInstance, options: LoginOptions): void => {
  const { authenticator, sessions, address } = options;

  const findGrant = async (request: FastifyRequest) => {
    const token = sessionTokenOf(request, address());
    if (token === undefined) return null;
    try {
      return await authenticator.identify({ kind: 'session', token }, request.ip);
    } catch (error) {
      if (hasCode(error, 'unauthenticated')) return null;
      throw error;
    }
  };

  scope.get('/logout', { schema: { hide: true } }, async (request, reply) => {
    const grant = await findGrant(request);
    const { basePath } = address();
    if (grant === null) return reply.redirect(`${basePath}/login`, 303);
    const { name, role } = grant;
    return sendPage(reply, renderLogoutPage({ basePath, name, role }));
  });

  const logout = { schema: { hide: true }, config: { call: { tool: 'board', action: 'logout' } } };
  scope.post('/logout', logout, async (request, reply) => {
    requireSameOrigin(request.headers, address());
    const token = sessionTokenOf(request, address());
    const grant = await findGrant(request);
    if (grant !== null) request.call?.noteSender('session', grant.keyId);
    if (token !== undefined) await sessions.close(token);
    clearSessionCookie(reply, address());
    return reply.redirect(`${address().basePath}/login`, 303);
  });

  // Where a person goes first: the board, or the login on the way to it.
  scope.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply.redirect(`${address().basePath}/board`, 303),
  );
};

/** Login and logout of people. */
export const registerLoginRoutes = async (
  scope: FastifyInstance,
  options: LoginOptions,
): Promise<void> => {
  await scope.register(formbody, { bodyLimit: 16_384 });
  registerLogin(scope, options);
  registerLogout(scope, options);
};
