-- domain: access

-- A key's secret is 256 random bits, so its plain SHA-256 cannot be searched
-- for; the secret itself is shown once, when the key is made.
CREATE TABLE api_keys (
  id          text        PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
  name        text        NOT NULL,
  secret_hash text        NOT NULL CHECK (secret_hash ~ '^[0-9a-f]{64}$'),
  role        text        NOT NULL,
  -- Agents the key may speak for; '*' stands for any, none for none.
  agents      text[]      NOT NULL DEFAULT '{}',
  workspaces  text[]      NOT NULL DEFAULT '{}',
  created_by  text        NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz,
  revoked_at  timestamptz
);

-- Sessions of people in a browser. `key_id` names the key they logged in with:
-- `gateway` or a row of api_keys; without a foreign key, since the former has none.
CREATE TABLE sessions (
  token_hash text        PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
  key_id     text        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);
