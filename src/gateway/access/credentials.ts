import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#core/errors';

/** What a request brought to prove who sends it. */
export type Credentials =
  | { readonly kind: 'key'; readonly key: string; readonly scheme: 'header' | 'bearer' | 'basic' }
  | { readonly kind: 'session'; readonly token: string }
  | { readonly kind: 'none' };

/** The longest key that is looked at; anything longer cannot be one of ours. */
const MAX_KEY_CHARS = 512;

const unreadable = (): AppError =>
  new AppError(
    'unauthenticated',
    'the Authorization header is not understood; send X-API-Key, "Bearer <key>" or Basic with the key as password',
  );

const fromAuthorization = (header: string): Credentials => {
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +(\S+)$/.exec(header) ?? [];
  if (value === '' || value.length > 2 * MAX_KEY_CHARS) throw unreadable();
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { kind: 'key', key: value, scheme: 'bearer' };
    case 'basic': {
      const text = Buffer.from(value, 'base64').toString('utf8');
      const colon = text.indexOf(':');
      if (colon === -1) throw unreadable();
      return { kind: 'key', key: text.slice(colon + 1), scheme: 'basic' };
    }
    default:
      throw unreadable();
  }
};

/**
 * A key that was sent counts alone: a wrong one is not made good by a cookie
 * beside it. Throws `unauthenticated` for an Authorization header of another kind.
 */
export const readCredentials = (
  headers: IncomingHttpHeaders,
  sessionToken: string | undefined,
): Credentials => {
  const apiKey = headers['x-api-key'];
  if (typeof apiKey === 'string' && apiKey !== '')
    return { kind: 'key', key: apiKey.slice(0, MAX_KEY_CHARS), scheme: 'header' };
  if (headers.authorization !== undefined) return fromAuthorization(headers.authorization);
  return sessionToken === undefined || sessionToken === ''
    ? { kind: 'none' }
    : { kind: 'session', token: sessionToken };
};
