import { newRunId, type TaskId } from '#core/ids';
import type { Declaration } from '#registry/declaration';
import type { NewOccurrence } from '../ledger/occurrence-ledger.ts';
import type { NewRun } from '../ledger/run-ledger.ts';
import type { RunState, RunTrigger } from '../run.ts';

/** A run that stands for an occurrence, with the inputs of the schedule. */
export const scheduledRun = (
  declaration: Declaration,
  run: {
    /** Given to the run. */
    readonly occurrence: NewOccurrence;
    readonly now: Date;
    readonly trigger: Extract<RunTrigger, 'schedule' | 'catchup'>;
    readonly state: RunState;
    /** The engine's job that was delivered; a run without one gets a job of its own id. */
    readonly deliveredJob: { readonly name: string; readonly jobId: string } | null;
    readonly explanation?: string;
  },
): NewRun => {
  const id = newRunId(run.now);
  const { scheduledFor } = run.occurrence;
  return {
    id,
    taskId: declaration.task.id as TaskId,
    occurrenceAt: scheduledFor,
    trigger: run.trigger,
    actor: 'scheduler',
    scheduledFor,
    inputs: declaration.start?.inputs ?? {},
    inputsHash: declaration.start?.inputsHash ?? '',
    dryRun: false,
    state: run.state,
    queue: run.deliveredJob ?? { name: declaration.queueName, jobId: id },
    retryOf: null,
    claims: run.occurrence,
    ...(run.explanation === undefined
      ? {}
      : { error: { class: run.state, message: run.explanation } }),
  };
};
