import { AppError, messageOf } from '#core/errors';
import { withoutPayload } from './engine-error.ts';

/** The slot's job exists already; BullMQ would have to skip to a later one. */
const SLOT_TAKEN: readonly unknown[] = [-10, -11];

/** The number that BullMQ gives a step that it refuses. */
export const refusalCode = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

export const isSlotTaken = (error: unknown): boolean => SLOT_TAKEN.includes(refusalCode(error));

/**
 * Two writers of one scheduler stood in each other's way, and this one wrote
 * nothing. On PostgreSQL BullMQ locks a scheduler's job before the scheduler or
 * after it, as the case may be, so they may also end in a deadlock.
 */
export const isOvertaken = (error: unknown): boolean =>
  isSlotTaken(error) || refusalCode(error) === '40P01';

/** `conflict`: the schedule cannot be armed before that job has ended. */
export const slotTaken = (cause?: unknown): AppError =>
  new AppError(
    'conflict',
    'The next slot of the schedule is taken by a job that was started ahead of time and has not ended',
    cause === undefined ? {} : { cause: withoutPayload(cause) },
  );

/** `invalid_input` for a cron line or a zone that cannot be read, or one that never comes. */
export const unreadableSchedule = (error: unknown): AppError =>
  new AppError('invalid_input', `The schedule is not accepted: ${messageOf(error)}`, {
    cause: withoutPayload(error),
  });
