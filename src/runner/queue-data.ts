import type { JsonObject } from '#core/json';
import type { Run } from './run.ts';

/**
 * What a run's queue job carries. Only `run_id` is read back; the rest is for
 * whoever looks at the job on the board. Inputs hold no secrets.
 */
export const toQueueData = (run: Run): JsonObject => ({
  run_id: run.id,
  trigger: run.trigger,
  actor: run.actor,
  scheduled_for: run.scheduledFor.toISOString(),
  dry_run: run.dryRun,
  inputs: run.inputs,
});
