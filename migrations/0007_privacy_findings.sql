-- domain: privacy

-- What privacy scans have found, so that a digest can tell new from open and
-- fixed. No text that was matched is stored, and nothing made of it: the
-- fingerprint names a rule and a place.
CREATE TABLE privacy_findings (
  fingerprint   text        PRIMARY KEY CHECK (fingerprint ~ '^[0-9a-f]{32}$'),
  rule          text        NOT NULL,
  severity      text        NOT NULL,
  -- file, field or store, as a reader is shown it
  place         text        NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at  timestamptz NOT NULL,
  fixed_at      timestamptz
);
CREATE INDEX privacy_findings_fixed_idx ON privacy_findings (fixed_at) WHERE fixed_at IS NOT NULL;
