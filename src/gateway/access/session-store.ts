import type { ApiKey } from './api-key.ts';

/** How long a session lasts from its login, in milliseconds: a working day. */
export const SESSION_MS = 12 * 3_600_000;

/** The session's key as it is now, so that revoking or expiring it ends its sessions. */
export type SessionKey = { readonly kind: 'gateway' } | ({ readonly kind: 'stored' } & ApiKey);

/** Sessions live in the database: they survive restarts and hold at every gateway that has the same gateway key. */
export interface SessionStore {
  /** `keyId` is `gateway` or the id of an API key. Answers the token for the cookie. */
  open(keyId: string): Promise<{ readonly token: string; readonly expiresAt: Date }>;
  /** Null for an unknown or expired token and when its key is no longer good. */
  find(token: string): Promise<SessionKey | null>;
  close(token: string): Promise<void>;
}
