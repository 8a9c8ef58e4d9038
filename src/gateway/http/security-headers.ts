import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** Everything a page may load comes from this server; nothing runs that is not a file of it. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  manifestSrc: ["'self'"],
  workerSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'self'"],
  frameAncestors: ["'none'"],
} as const;

const toDirectives = (
  policy: Readonly<Record<string, readonly string[]>>,
): Record<string, string[]> =>
  Object.fromEntries(Object.entries(policy).map(([name, sources]) => [name, [...sources]]));

export const registerSecurityHeaders = async (
  app: FastifyInstance,
  options: { readonly isHttps: boolean },
): Promise<void> => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: toDirectives(CONTENT_SECURITY_POLICY),
    },
    frameguard: { action: 'deny' },
    // With "no-referrer" browsers send "Origin: null" for forms, and the check of the origin needs it.
    referrerPolicy: { policy: 'same-origin' },
    hsts: options.isHttps ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  });
};

/** The policy as a header, with what one mounted page needs beyond. */
export const policyHeader = (extra: Readonly<Record<string, readonly string[]>>): string =>
  Object.entries({ ...CONTENT_SECURITY_POLICY, ...extra })
    .map(
      ([name, sources]) =>
        `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${sources.join(' ')}`,
    )
    .join('; ');
