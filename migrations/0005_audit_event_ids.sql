-- domain: audit

-- Names an event wherever it came from, so that a batch that is sent twice is
-- stored once. Rows of older systems have none, which a unique index allows any
-- number of times. Nothing is rewritten: the column has no default.
ALTER TABLE tool_audit_events ADD COLUMN IF NOT EXISTS event_id uuid;
CREATE UNIQUE INDEX IF NOT EXISTS idx_tool_audit_event_id ON tool_audit_events (event_id);
