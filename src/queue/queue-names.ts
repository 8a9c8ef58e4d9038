import { AppError } from '#core/errors';

/** Colons separate parts of an engine's key, and a whole number is taken for an id of the engine's own. */
export const checkId = (what: string, id: string): void => {
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(id) || /^\d+$/.test(id))
    throw new AppError(
      'invalid_input',
      `${what} must be 1 to 200 letters, digits, "_" or "-", and not digits alone`,
    );
};

/** Throws AppError `invalid_input` for a name that BullMQ or a board's address could not carry. */
export const checkQueueName = (queueName: string): void => {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(queueName))
    throw new AppError(
      'invalid_input',
      'A queue name must be 1 to 100 letters, digits, "_", "." or "-"',
    );
};
