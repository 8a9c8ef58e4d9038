import { AppError, messageOf } from '#core/errors';
import { withoutPayload } from './engine-error.ts';

/** The slot's job exists already; BullMQ would have to skip to a later one. */
const SCHEDULER_SLOT_TAKEN: readonly unknown[] = [-10, -11];

/** The number that BullMQ gives a step that it refuses. */
export const refusalCode = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/** What BullMQ threw for a scheduler, in the port's codes. */
export const asSchedulerError = (error: unknown): AppError => {
  const code = refusalCode(error);
  if (SCHEDULER_SLOT_TAKEN.includes(code))
    return new AppError(
      'conflict',
      'The next slot of the schedule is taken by a job that was run ahead of time',
      { cause: withoutPayload(error) },
    );
  if (code !== undefined)
    return new AppError('internal', 'The queue engine could not write a scheduler', {
      cause: withoutPayload(error),
    });
  // BullMQ throws plain errors for a cron line or a zone that it cannot read.
  return new AppError('invalid_input', `The schedule is not accepted: ${messageOf(error)}`, {
    cause: withoutPayload(error),
  });
};
