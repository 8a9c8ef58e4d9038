-- domain: runner

-- The registry as it was applied: who made what the law, and when.
CREATE TABLE registry_revisions (
  revision   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- SHA-256 over the declarations and the reconcile policy.
  digest     text        NOT NULL,
  reconcile  text        NOT NULL CHECK (reconcile IN ('enforce', 'warn')),
  applied_by text        NOT NULL,
  applied_at timestamptz NOT NULL,
  changes    jsonb       NOT NULL
);

-- A task as it was declared from one moment to another. Which occurrences were
-- expected follows from these rows alone, whatever file a host has.
CREATE TABLE task_declarations (
  task_id     text        NOT NULL,
  valid_from  timestamptz NOT NULL,
  valid_to    timestamptz,
  revision    bigint      NOT NULL REFERENCES registry_revisions (revision),
  digest      text        NOT NULL,
  declaration jsonb       NOT NULL,
  -- The first expected occurrence that has no row yet; null when there is none.
  next_at     timestamptz,
  PRIMARY KEY (task_id, valid_from),
  CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX task_declarations_current_idx ON task_declarations (task_id) WHERE valid_to IS NULL;
CREATE INDEX task_declarations_next_idx ON task_declarations (next_at)
  WHERE valid_to IS NULL AND next_at IS NOT NULL;

ALTER TABLE occurrences
  -- From when a start is due; null while the tasks before it have not ended.
  ADD COLUMN due_at      timestamptz,
  -- Not started by then, it is late.
  ADD COLUMN late_at     timestamptz,
  ADD COLUMN explanation text,
  -- When the alarm was raised that it had not started, and that it was missed or failed.
  ADD COLUMN late_alarm_at timestamptz,
  ADD COLUMN end_alarm_at  timestamptz;
UPDATE occurrences SET due_at = scheduled_for, late_at = scheduled_for + interval '10 minutes',
  end_alarm_at = closed_at;
DROP INDEX occurrences_open_idx;
CREATE INDEX occurrences_open_idx ON occurrences (due_at) WHERE state = 'open';
CREATE INDEX occurrences_closed_idx ON occurrences (task_id, closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX occurrences_end_alarm_idx ON occurrences (closed_at)
  WHERE state IN ('missed', 'failed') AND end_alarm_at IS NULL;

-- A pause is kept after it ended: nothing that fell due in it is ever caught up.
ALTER TABLE task_pauses DROP CONSTRAINT task_pauses_pkey;
ALTER TABLE task_pauses
  ADD COLUMN id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ADD COLUMN resumed_at timestamptz,
  ADD COLUMN resumed_by text;
CREATE UNIQUE INDEX task_pauses_open_idx ON task_pauses (task_id) WHERE resumed_at IS NULL;
CREATE INDEX task_pauses_task_idx ON task_pauses (task_id, paused_at);

-- What an operator should know, one open row for a task and a condition.
CREATE TABLE task_alarms (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Null for a condition of the whole registry.
  task_id       text,
  kind          text        NOT NULL
    CHECK (kind IN ('late', 'missed', 'failed', 'slow', 'crash_loop', 'schedule_lost', 'schedule_drift')),
  -- The occurrence that was the last to raise it.
  scheduled_for timestamptz,
  message       text        NOT NULL,
  raised_at     timestamptz NOT NULL,
  last_at       timestamptz NOT NULL,
  count         integer     NOT NULL DEFAULT 1,
  cleared_at    timestamptz,
  notify        jsonb       NOT NULL DEFAULT '[]'
);
CREATE UNIQUE INDEX task_alarms_open_idx ON task_alarms (COALESCE(task_id, ''), kind) WHERE cleared_at IS NULL;
CREATE INDEX task_alarms_task_idx ON task_alarms (task_id, raised_at);

-- A stretch of the past that somebody wants run, oldest first, one run at a time.
CREATE TABLE backfills (
  id           text        PRIMARY KEY,
  task_id      text        NOT NULL,
  from_at      timestamptz NOT NULL,
  to_at        timestamptz NOT NULL,
  inputs       jsonb       NOT NULL,
  inputs_hash  text        NOT NULL,
  dry_run      boolean     NOT NULL,
  actor        text        NOT NULL,
  -- The instants that have no run yet, ascending.
  remaining    timestamptz[] NOT NULL,
  total        integer     NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  ended_at     timestamptz,
  cancelled_by text
);
CREATE INDEX backfills_open_idx ON backfills (task_id) WHERE ended_at IS NULL;

ALTER TABLE task_runs ADD COLUMN backfill_id text;
CREATE INDEX task_runs_backfill_idx ON task_runs (backfill_id) WHERE backfill_id IS NOT NULL;
-- Caught-up and backfilled runs that are not over: they are paced by their number.
CREATE INDEX task_runs_paced_idx ON task_runs (task_id)
  WHERE trigger IN ('catchup', 'backfill') AND state IN ('queued', 'running');
