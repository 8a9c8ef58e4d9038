import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#core/errors';
import type { Principal } from '../access/principal.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once the request is authenticated; null on open routes. */
    principal: Principal | null;
  }
}

/** The principal of a route behind authentication. */
export const principalOf = (request: FastifyRequest): Principal => {
  if (request.principal === null)
    throw new AppError('unauthenticated', 'this needs authentication');
  return request.principal;
};

/** A person's browser asks for a page, rather than a script for data. */
export const wantsPage = (request: FastifyRequest): boolean =>
  (request.method === 'GET' || request.method === 'POST') &&
  !request.url.startsWith('/v1/') &&
  !/\/api\//.test(request.url) &&
  (request.headers.accept ?? '').includes('text/html');

export const sendPage = (reply: FastifyReply, page: string): FastifyReply =>
  reply.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(page);
