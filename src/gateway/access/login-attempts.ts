import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { RateLimiter } from '../governance/rate-limiter.ts';
import { addressGroup } from './address-group.ts';

/** Keys that may be wrong from one address in five minutes; a person needs two or three. */
export const FAILED_LOGINS = 10;
const WINDOW_MS = 300_000;

/** Holds guessing down: an address with too many wrong keys waits, whatever it sends next. */
export class LoginAttempts {
  readonly #limiter: RateLimiter;

  constructor(clock: Clock) {
    this.#limiter = new RateLimiter({ clock, calls: FAILED_LOGINS, windowMs: WINDOW_MS });
  }

  /** Counts before the key is looked at, so that a flood cannot slip through. Throws `rate_limited`. */
  begin(ip: string): void {
    const waitSeconds = this.#limiter.take(addressGroup(ip));
    if (waitSeconds !== null)
      throw new AppError(
        'rate_limited',
        'too many wrong keys were sent from this address; wait a little',
        { retryAfterSeconds: waitSeconds },
      );
  }

  /** The key was good: the attempt does not count. */
  succeed(ip: string): void {
    this.#limiter.giveBack(addressGroup(ip));
  }
}
