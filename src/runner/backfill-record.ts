import type { Backfill } from './ledger/backfills.ts';
import { isFinal, RUN_STATES, type RunState } from './run.ts';

/** `running` until the last of its runs has ended; what is made of it then depends on those. */
export type BackfillState = 'running' | 'succeeded' | 'failed' | 'cancelled';

const countRuns = ({ runs }: Backfill, counts: (state: RunState) => boolean): number =>
  RUN_STATES.filter(counts).reduce((total, state) => total + (runs[state] ?? 0), 0);

/** Runs that have ended, however they did. */
export const countEnded = (backfill: Backfill): number => countRuns(backfill, isFinal);

/** Runs that ended without success. */
export const countUnsuccessful = (backfill: Backfill): number =>
  countRuns(backfill, (state) => isFinal(state) && state !== 'succeeded');

export const stateOfBackfill = (backfill: Backfill): BackfillState => {
  const isUnderWay = countRuns(backfill, (state) => !isFinal(state)) > 0;
  if (backfill.endedAt === null || isUnderWay) return 'running';
  if (backfill.cancelledBy !== null) return 'cancelled';
  return countUnsuccessful(backfill) === 0 ? 'succeeded' : 'failed';
};

export const toBackfillRecord = (backfill: Backfill) => ({
  backfill_id: backfill.id,
  task_id: backfill.taskId,
  state: stateOfBackfill(backfill),
  from: backfill.from.toISOString(),
  to: backfill.to.toISOString(),
  inputs: backfill.inputs,
  dry_run: backfill.dryRun,
  actor: backfill.actor,
  total: backfill.total,
  remaining: backfill.remaining.length,
  runs_by_state: backfill.runs,
  created_at: backfill.createdAt.toISOString(),
  ended_at: backfill.endedAt?.toISOString() ?? null,
  cancelled_by: backfill.cancelledBy,
});
