import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#core/errors';

/** Where the gateway is reached, as browsers see it. */
export interface PublicAddress {
  /** Without a slash at the end: `https://ops.example.org/loop`. */
  readonly url: string;
  /** Path that a proxy in front strips: `` or `/loop`. */
  readonly basePath: string;
  readonly origin: string;
  readonly isHttps: boolean;
}

/** Throws for text that is no absolute URL; settings are validated before. */
export const toPublicAddress = (publicUrl: string): PublicAddress => {
  const { origin, pathname, protocol } = new URL(publicUrl);
  const basePath = pathname.replace(/\/+$/, '');
  return { url: `${origin}${basePath}`, basePath, origin, isHttps: protocol === 'https:' };
};

/** The loopback names that mean the same server as the one it listens on. */
const loopbackOrigins = (address: PublicAddress): readonly string[] => {
  const { hostname, port, protocol } = new URL(address.origin);
  if (!['localhost', '127.0.0.1', '[::1]'].includes(hostname)) return [];
  const suffix = port === '' ? '' : `:${port}`;
  return ['localhost', '127.0.0.1', '[::1]'].map((name) => `${protocol}//${name}${suffix}`);
};

const header = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** What a browser says about where a request comes from; `silent` when it says nothing. */
export const requestSource = (
  headers: IncomingHttpHeaders,
  address: PublicAddress,
): 'same' | 'other' | 'silent' => {
  const site = header(headers['sec-fetch-site']);
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'same' : 'other';
  const origin = header(headers.origin);
  if (origin === undefined) return 'silent';
  return origin === address.origin || loopbackOrigins(address).includes(origin) ? 'same' : 'other';
};

/** Throws `forbidden` unless the browser vouches for the request: what a cookie authenticates could be forged. */
export const requireSameOrigin = (headers: IncomingHttpHeaders, address: PublicAddress): void => {
  if (requestSource(headers, address) === 'same') return;
  throw new AppError(
    'forbidden',
    'a change with a session cookie must come from this site: the browser has to send Sec-Fetch-Site same-origin or an Origin equal to PUBLIC_URL; scripts use an API key',
    { details: { accepted_origin: address.origin } },
  );
};

/** Throws `forbidden` when a browser says that another site sent the request. */
export const refuseOtherOrigin = (headers: IncomingHttpHeaders, address: PublicAddress): void => {
  if (requestSource(headers, address) !== 'other') return;
  throw new AppError('forbidden', 'a request from another site was refused', {
    details: { accepted_origin: address.origin },
  });
};
