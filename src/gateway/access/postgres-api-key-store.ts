import type { Sql } from '#storage/database';
import {
  type ApiKey,
  type ApiKeyStore,
  formatKey,
  isSameSecret,
  newKeyParts,
  parseKey,
  sha256Hex,
} from './api-key.ts';

interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly agents: readonly string[];
  readonly workspaces: readonly string[];
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

const COLUMNS =
  'id, name, role, agents, workspaces, created_by, created_at, expires_at, revoked_at';

const INSERT = `
  INSERT INTO api_keys (id, name, secret_hash, role, agents, workspaces, created_by, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`;

const REVOKE = `
  UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING ${COLUMNS}`;

// Expiry is judged by the database's clock, the one that all gateways share.
const FIND_LIVE = `
  SELECT ${COLUMNS}, secret_hash FROM api_keys
  WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;

const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  name: row.name,
  role: row.role,
  agents: row.agents,
  workspaces: row.workspaces,
  createdBy: row.created_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
});

export class PostgresApiKeyStore implements ApiKeyStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async create(wanted: Parameters<ApiKeyStore['create']>[0]): ReturnType<ApiKeyStore['create']> {
    const { id, secret } = newKeyParts();
    const [row] = await this.#sql.query<ApiKeyRow>(INSERT, [
      id,
      wanted.name,
      sha256Hex(secret),
      wanted.role,
      wanted.agents,
      wanted.workspaces,
      wanted.createdBy,
      wanted.expiresAt,
    ]);
    if (row === undefined) throw new Error('INSERT INTO api_keys answered no row');
    return { apiKey: toApiKey(row), key: formatKey(id, secret) };
  }

  async list(): Promise<readonly ApiKey[]> {
    const rows = await this.#sql.query<ApiKeyRow>(
      `SELECT ${COLUMNS} FROM api_keys ORDER BY created_at DESC, id`,
    );
    return rows.map(toApiKey);
  }

  async revoke(id: string): Promise<ApiKey | null> {
    const [row] = await this.#sql.query<ApiKeyRow>(REVOKE, [id]);
    return row === undefined ? null : toApiKey(row);
  }

  async authenticate(presented: string): Promise<ApiKey | null> {
    const parts = parseKey(presented);
    if (parts === null) return null;
    const [row] = await this.#sql.query<ApiKeyRow & { readonly secret_hash: string }>(FIND_LIVE, [
      parts.id,
    ]);
    if (row === undefined || !isSameSecret(row.secret_hash, sha256Hex(parts.secret))) return null;
    return toApiKey(row);
  }
}
