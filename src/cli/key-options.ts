import { InvalidArgumentError } from 'commander';
import { parseDuration } from '#registry/duration';

const MAX_GRACE_MS = 30 * 86_400_000;

/** A duration of at most 30 days, in milliseconds; `0` for none. */
export const parseGrace = (text: string): number => {
  const ms = text === '0' ? 0 : parseDuration(text);
  if (ms === undefined || ms > MAX_GRACE_MS)
    throw new InvalidArgumentError(
      'Accepted: a duration such as 30m, 24h or 7d, at most 30d; or 0.',
    );
  return ms;
};
