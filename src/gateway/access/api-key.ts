import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A key of the table `api_keys`, without its secret. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  /** Agents the key may speak for; `*` stands for any. */
  readonly agents: readonly string[];
  /** Workspaces the key may name; `*` stands for any. */
  readonly workspaces: readonly string[];
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** When the key got the secret that it has; null since it was made. */
  readonly rotatedAt: Date | null;
  /** Until when the secret before that one is accepted too; null when it is not. */
  readonly previousUntil: Date | null;
}

export interface NewApiKey {
  /** 1 to 100 characters, for people. */
  readonly name: string;
  readonly role: string;
  readonly agents: readonly string[];
  readonly workspaces: readonly string[];
  readonly createdBy: string;
  readonly expiresAt: Date | null;
}

/** Every method throws `unavailable` while the database is away. */
export interface ApiKeyStore {
  /** The answer's `key` is shown once: only its hash is kept. */
  create(wanted: NewApiKey): Promise<{ readonly apiKey: ApiKey; readonly key: string }>;
  /** Newest first, revoked and expired ones included. */
  list(): Promise<readonly ApiKey[]>;
  /**
   * Gives a key another secret, which the answer shows once; everything else
   * about it stays. For `graceMs` (0 and more) its former secret goes on being
   * accepted; with 0 it is not, and sessions that were opened by it end. Null
   * when there is no such key; throws `conflict` when it is revoked or expired.
   */
  rotate(
    id: string,
    options: { readonly graceMs: number },
  ): Promise<{ readonly apiKey: ApiKey; readonly key: string } | null>;
  /** Null when there is no such key. Revoking twice keeps the first instant. */
  revoke(id: string): Promise<ApiKey | null>;
  /** The key behind a presented text, or null when it is unknown, wrong, expired or revoked. */
  authenticate(presented: string): Promise<ApiKey | null>;
}

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Compares in a time that depends on neither text: both are hashed to one length first. */
export const isSameSecret = (one: string, other: string): boolean =>
  timingSafeEqual(
    createHash('sha256').update(one).digest(),
    createHash('sha256').update(other).digest(),
  );

const KEY = /^opsl_([0-9a-f]{12})_([0-9a-f]{64})$/;

/** Hexadecimal, so that a double click selects the secret whole. */
export const newKeyParts = (): { readonly id: string; readonly secret: string } => ({
  id: randomBytes(6).toString('hex'),
  secret: randomBytes(32).toString('hex'),
});

export const formatKey = (id: string, secret: string): string => `opsl_${id}_${secret}`;

/** The id and secret of `opsl_<id>_<secret>`, or null for anything else. */
export const parseKey = (
  presented: string,
): { readonly id: string; readonly secret: string } | null => {
  const [, id, secret] = KEY.exec(presented) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
};
