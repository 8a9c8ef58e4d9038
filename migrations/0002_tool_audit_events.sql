-- domain: audit

-- One row per tool call: metadata, sizes and a hash, never a payload. The table
-- may be there already, made by an older system with or without the defaults
-- below; it is completed in the catalogue and none of its rows is rewritten.
CREATE TABLE IF NOT EXISTS tool_audit_events (
  id           bigserial   PRIMARY KEY,
  ts           timestamptz NOT NULL,
  req_id       text        NOT NULL,
  workspace_id text        NOT NULL,
  user_id      text        NOT NULL,
  agent_id     text        NOT NULL,
  tool         text        NOT NULL,
  action       text        NOT NULL,
  status       text        NOT NULL,
  duration_ms  integer     NOT NULL DEFAULT 0,
  in_size      integer     NOT NULL DEFAULT 0,
  out_size     integer     NOT NULL DEFAULT 0,
  input_hash   text        NOT NULL DEFAULT '',
  graph_run_id text,
  graph_node   text,
  job_id       text
);

DO $$
DECLARE
  lacking record;
BEGIN
  FOR lacking IN
    SELECT a.attname, w.value
    FROM (VALUES ('duration_ms', '0'), ('in_size', '0'), ('out_size', '0'), ('input_hash', ''))
      AS w (name, value)
    JOIN pg_attribute a ON a.attrelid = 'tool_audit_events'::regclass AND a.attname = w.name
    WHERE NOT a.atthasdef AND NOT a.attisdropped
  LOOP
    EXECUTE format(
      'ALTER TABLE tool_audit_events ALTER COLUMN %I SET DEFAULT %L',
      lacking.attname, lacking.value
    );
  END LOOP;
END
$$;

CREATE INDEX IF NOT EXISTS idx_tool_audit_ts ON tool_audit_events (ts);
CREATE INDEX IF NOT EXISTS idx_tool_audit_tool_ts ON tool_audit_events (tool, ts);
CREATE INDEX IF NOT EXISTS idx_tool_audit_agent_ts ON tool_audit_events (agent_id, ts);
CREATE INDEX IF NOT EXISTS idx_tool_audit_ws_ts ON tool_audit_events (workspace_id, ts);
