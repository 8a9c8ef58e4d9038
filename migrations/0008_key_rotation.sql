-- domain: access

-- Of a key that was rotated: the hash of the secret before, and until when that
-- one is still accepted. Both are null where it is refused at once.
ALTER TABLE api_keys
  ADD COLUMN previous_secret_hash text CHECK (previous_secret_hash ~ '^[0-9a-f]{64}$'),
  ADD COLUMN previous_until       timestamptz,
  ADD COLUMN rotated_at           timestamptz;
