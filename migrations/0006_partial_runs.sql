-- domain: runner

-- Reports on incomplete data are looked for each minute, and are few.
CREATE INDEX task_runs_partial_idx ON task_runs (finished_at)
  WHERE partial AND state = 'succeeded' AND NOT dry_run;
