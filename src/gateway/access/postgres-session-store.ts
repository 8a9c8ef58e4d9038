import { createHmac, randomBytes } from 'node:crypto';
import type { Sql } from '#storage/database';
import { SESSION_MS, type SessionKey, type SessionStore } from './session-store.ts';

interface SessionRow {
  readonly key_id: string;
  readonly id: string | null;
  readonly name: string;
  readonly role: string;
  readonly agents: readonly string[];
  readonly workspaces: readonly string[];
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly rotated_at: Date | null;
  readonly previous_until: Date | null;
}

const FIND = `
  SELECT s.key_id, k.id, k.name, k.role, k.agents, k.workspaces, k.created_by, k.created_at, k.expires_at,
    k.rotated_at, k.previous_until
  FROM sessions s
  LEFT JOIN api_keys k ON k.id = s.key_id AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now())
  WHERE s.token_hash = $1 AND s.expires_at > now()`;

// Each login also sweeps what has expired, so the table needs no other care.
const OPEN = `
  WITH swept AS (DELETE FROM sessions WHERE expires_at < now())
  INSERT INTO sessions (token_hash, key_id, expires_at)
  VALUES ($1, $2, now() + make_interval(secs => $3 / 1000.0)) RETURNING expires_at`;

const TOKEN = /^[0-9a-f]{64}$/;

export class PostgresSessionStore implements SessionStore {
  readonly #sql: Sql;
  readonly #gatewayKey: string;

  /**
   * @param gatewayKey enters each token's hash: a changed gateway key ends every
   *   session, and the stored hash tells nothing about either secret.
   */
  constructor(sql: Sql, gatewayKey: string) {
    this.#sql = sql;
    this.#gatewayKey = gatewayKey;
  }

  async open(keyId: string): ReturnType<SessionStore['open']> {
    const token = randomBytes(32).toString('hex');
    const [row] = await this.#sql.query<{ expires_at: Date }>(OPEN, [
      this.#hash(token),
      keyId,
      SESSION_MS,
    ]);
    if (row === undefined) throw new Error('INSERT INTO sessions answered no row');
    return { token, expiresAt: row.expires_at };
  }

  async find(token: string): Promise<SessionKey | null> {
    if (!TOKEN.test(token)) return null;
    const [row] = await this.#sql.query<SessionRow>(FIND, [this.#hash(token)]);
    if (row === undefined) return null;
    if (row.key_id === 'gateway') return { kind: 'gateway' };
    if (row.id === null) return null;
    return {
      kind: 'stored',
      id: row.id,
      name: row.name,
      role: row.role,
      agents: row.agents,
      workspaces: row.workspaces,
      createdBy: row.created_by,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      revokedAt: null,
      rotatedAt: row.rotated_at,
      previousUntil: row.previous_until,
    };
  }

  async close(token: string): Promise<void> {
    await this.#sql.execute('DELETE FROM sessions WHERE token_hash = $1', [this.#hash(token)]);
  }

  #hash(token: string): string {
    return createHmac('sha256', this.#gatewayKey).update(token).digest('hex');
  }
}
