import { AppError } from '#core/errors';
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
  readonly rotated_at: Date | null;
  readonly previous_until: Date | null;
}

interface SecretRow extends ApiKeyRow {
  readonly secret_hash: string;
  /** Null where no former secret is accepted. */
  readonly previous_secret_hash: string | null;
}

const COLUMNS =
  'id, name, role, agents, workspaces, created_by, created_at, expires_at, revoked_at, rotated_at, previous_until';

const INSERT = `
  INSERT INTO api_keys (id, name, secret_hash, role, agents, workspaces, created_by, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`;

const REVOKE = `
  UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING ${COLUMNS}`;

// Expiry is judged by the database's clock, the one that all gateways share.
const IS_LIVE = 'id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

const FIND_LIVE = `
  SELECT ${COLUMNS}, secret_hash,
    CASE WHEN previous_until > now() THEN previous_secret_hash END AS previous_secret_hash
  FROM api_keys WHERE ${IS_LIVE}`;

// Without a grace the former secret may be in wrong hands, and so may sessions that it opened.
const ROTATE = `
  WITH ended AS (DELETE FROM sessions WHERE key_id = $1 AND $3::bigint = 0)
  UPDATE api_keys SET
    secret_hash = $2,
    rotated_at = now(),
    previous_secret_hash = CASE WHEN $3::bigint > 0 THEN secret_hash END,
    previous_until = CASE WHEN $3::bigint > 0 THEN now() + make_interval(secs => $3::bigint / 1000.0) END
  WHERE ${IS_LIVE} RETURNING ${COLUMNS}`;

const FIND = `SELECT ${COLUMNS} FROM api_keys WHERE id = $1`;

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
  rotatedAt: row.rotated_at,
  previousUntil: row.previous_until,
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

  async rotate(
    id: string,
    { graceMs }: { readonly graceMs: number },
  ): ReturnType<ApiKeyStore['rotate']> {
    const { secret } = newKeyParts();
    const [row] = await this.#sql.query<ApiKeyRow>(ROTATE, [id, sha256Hex(secret), graceMs]);
    if (row !== undefined) return { apiKey: toApiKey(row), key: formatKey(id, secret) };
    const [known] = await this.#sql.query<ApiKeyRow>(FIND, [id]);
    if (known === undefined) return null;
    throw new AppError(
      'conflict',
      `key ${id} is ${known.revoked_at === null ? 'expired' : 'revoked'} and stays so; make a new one`,
    );
  }

  async revoke(id: string): Promise<ApiKey | null> {
    const [row] = await this.#sql.query<ApiKeyRow>(REVOKE, [id]);
    return row === undefined ? null : toApiKey(row);
  }

  async authenticate(presented: string): Promise<ApiKey | null> {
    const parts = parseKey(presented);
    if (parts === null) return null;
    const [row] = await this.#sql.query<SecretRow>(FIND_LIVE, [parts.id]);
    if (row === undefined) return null;
    const hash = sha256Hex(parts.secret);
    // Both are compared, so that the time does not tell which one it was.
    const isCurrent = isSameSecret(row.secret_hash, hash);
    const isPrevious = isSameSecret(row.previous_secret_hash ?? '', hash);
    return isCurrent || isPrevious ? toApiKey(row) : null;
  }
}
