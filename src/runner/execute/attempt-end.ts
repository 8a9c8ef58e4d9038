import type { RunEnd } from '../ledger/finish-run.ts';
import type { Lease } from '../ledger/leases.ts';
import type { Run, RunError } from '../run.ts';
import type { Verdict } from './decide.ts';
import { occurrenceEndOf } from './occurrence-end-of.ts';
import type { AttemptEnd } from './perform-attempt.ts';

/** A verdict after which the run has ended. */
type EndingVerdict = Extract<Verdict, { kind: 'succeed' | 'end' }>;

interface Ended {
  readonly run: Run;
  readonly lease: Lease;
  readonly worker: string;
  readonly now: Date;
}

const base = ({ run, lease, worker, now }: Ended) => ({
  runId: run.id,
  leaseScope: lease.scope,
  leaseToken: lease.token,
  attempt: run.attempts,
  worker,
  finishedAt: now.toISOString(),
});

/**
 * What the ledger is to record. A dry-run that found that the real run would
 * fail has succeeded in finding it out, and says so in `wouldFail`.
 */
export const toRunEnd = (ended: Ended, attempt: AttemptEnd, verdict: EndingVerdict): RunEnd => {
  const { run } = ended;
  const wouldFail =
    run.dryRun && verdict.kind === 'end' && verdict.state === 'failed'
      ? verdict.error.message
      : null;
  const error: RunError | null =
    verdict.kind === 'end' && wouldFail === null ? verdict.error : null;
  const state = verdict.kind === 'succeed' || wouldFail !== null ? 'succeeded' : verdict.state;
  const outcome = attempt.ending.kind === 'returned' ? attempt.ending.outcome : null;
  return {
    ...base(ended),
    state,
    durationMs: attempt.durationMs,
    error,
    result: outcome?.summary ?? null,
    partial: outcome?.kind === 'succeeded' && outcome.partial === true,
    reports: run.dryRun ? [] : attempt.traces.reports,
    effects: attempt.traces.effects,
    wouldFail,
    occurrence: occurrenceEndOf({ trigger: run.trigger, state, error }),
  };
};

/** The end of a run that took its workers with it. */
export const toCrashEnd = (ended: Ended): RunEnd => {
  const error: RunError = {
    class: 'crash',
    message: `its worker died under it ${ended.run.crashes + 1} times; it is not started again`,
  };
  return {
    ...base(ended),
    state: 'failed',
    durationMs: 0,
    error,
    result: null,
    partial: false,
    reports: [],
    effects: null,
    wouldFail: null,
    occurrence: { state: 'failed', reason: 'crash' },
  };
};
