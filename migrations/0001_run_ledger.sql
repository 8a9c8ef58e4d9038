-- domain: runner

-- One point of a task's schedule. The key is what makes a second delivery of
-- the same instant a no-op, on whatever host and from whatever queue it comes.
CREATE TABLE occurrences (
  task_id       text        NOT NULL,
  scheduled_for timestamptz NOT NULL,
  state         text        NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'ran', 'ran_late', 'caught_up', 'skipped', 'missed', 'failed')),
  reason        text,
  run_id        text,
  opened_at     timestamptz NOT NULL DEFAULT now(),
  closed_at     timestamptz,
  PRIMARY KEY (task_id, scheduled_for),
  CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE INDEX occurrences_open_idx ON occurrences (scheduled_for) WHERE state = 'open';

CREATE TABLE task_runs (
  id                   text        PRIMARY KEY,
  task_id              text        NOT NULL,
  -- Set when the run stands for the occurrence (task_id, occurrence_at).
  occurrence_at        timestamptz,
  trigger              text        NOT NULL
    CHECK (trigger IN ('schedule', 'catchup', 'gateway', 'cli', 'board', 'backfill', 'retry')),
  actor                text        NOT NULL,
  scheduled_for        timestamptz NOT NULL,
  inputs               jsonb       NOT NULL,
  inputs_hash          text        NOT NULL,
  dry_run              boolean     NOT NULL,
  state                text        NOT NULL
    CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'missed')),
  attempts             integer     NOT NULL DEFAULT 0,
  crashes              integer     NOT NULL DEFAULT 0,
  accepted_at          timestamptz NOT NULL DEFAULT now(),
  queued_at            timestamptz NOT NULL DEFAULT now(),
  started_at           timestamptz,
  finished_at          timestamptz,
  duration_ms          integer,
  worker               text,
  -- Both null: the run is executed by the process that accepted it.
  queue_name           text,
  queue_job_id         text,
  lease_scope          text,
  lease_token          bigint,
  progress             jsonb,
  error                jsonb,
  result               jsonb,
  partial              boolean     NOT NULL DEFAULT false,
  reports              jsonb       NOT NULL DEFAULT '[]',
  effects              jsonb,
  would_fail           text,
  cancel_requested_at  timestamptz,
  cancel_requested_by  text,
  cancel_reason        text,
  retry_of             text
);
CREATE INDEX task_runs_task_idx ON task_runs (task_id, id DESC);
CREATE INDEX task_runs_active_idx ON task_runs (task_id) WHERE state IN ('queued', 'running');
CREATE INDEX task_runs_finished_idx ON task_runs (task_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX task_runs_queue_job_idx ON task_runs (queue_name, queue_job_id) WHERE queue_job_id IS NOT NULL;
CREATE INDEX task_runs_occurrence_idx ON task_runs (task_id, occurrence_at) WHERE occurrence_at IS NOT NULL;

CREATE TABLE task_run_events (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id  text        NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  state   text        NOT NULL,
  attempt integer     NOT NULL,
  worker  text,
  detail  jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX task_run_events_run_idx ON task_run_events (run_id, id);

CREATE TABLE task_run_logs (
  run_id text        NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
  seq    bigint GENERATED ALWAYS AS IDENTITY,
  at     timestamptz NOT NULL,
  level  text        NOT NULL,
  line   text        NOT NULL,
  PRIMARY KEY (run_id, seq)
);

-- Who may act for a task. The token is never reused, so a holder that was
-- declared dead cannot write after its successor started.
CREATE SEQUENCE task_lease_tokens;
CREATE TABLE task_leases (
  scope      text        PRIMARY KEY,
  run_id     text        NOT NULL,
  holder     text        NOT NULL,
  token      bigint      NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE task_pauses (
  task_id   text        PRIMARY KEY,
  paused_by text        NOT NULL,
  reason    text        NOT NULL,
  paused_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE start_idempotency_keys (
  actor        text        NOT NULL,
  key          text        NOT NULL,
  request_hash text        NOT NULL,
  run_id       text        NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (actor, key)
);

CREATE TABLE workers (
  id         text        PRIMARY KEY,
  host       text        NOT NULL,
  pid        integer     NOT NULL,
  settings   jsonb       NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now()
);
