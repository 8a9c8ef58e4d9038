import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PublicAddress } from './same-origin.ts';

// The prefix makes browsers refuse the cookie unless it is Secure and of this host alone.
const cookieName = (address: PublicAddress): string =>
  address.isHttps && address.basePath === '' ? '__Host-opsloop_session' : 'opsloop_session';

const cookieOptions = (address: PublicAddress) =>
  ({
    path: address.basePath === '' ? '/' : address.basePath,
    httpOnly: true,
    sameSite: 'strict',
    secure: address.isHttps,
  }) as const;

export const sessionTokenOf = (
  request: FastifyRequest,
  address: PublicAddress,
): string | undefined => request.cookies[cookieName(address)];

export const setSessionCookie = (
  reply: FastifyReply,
  address: PublicAddress,
  session: { readonly token: string; readonly expiresAt: Date },
): void => {
  reply.setCookie(cookieName(address), session.token, {
    ...cookieOptions(address),
    expires: session.expiresAt,
  });
};

export const clearSessionCookie = (reply: FastifyReply, address: PublicAddress): void => {
  reply.clearCookie(cookieName(address), cookieOptions(address));
};
