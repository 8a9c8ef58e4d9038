import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { RateLimiter } from '../governance/rate-limiter.ts';
import { addressGroup } from './address-group.ts';
import { parseKey } from './api-key.ts';

/** Wrong keys that one address may send in five minutes. */
export const FAILED_AUTHENTICATIONS = 30;
const WINDOW_MS = 300_000;

const refuse = (waitSeconds: number): AppError =>
  new AppError('rate_limited', 'too many wrong keys were sent from this address; wait a little', {
    retryAfterSeconds: waitSeconds,
  });

/**
 * Holds guessing down, by address, without locking anybody else out. A key of
 * ours has 256 random bits, which nobody guesses: it is always looked at, and
 * whoever sends wrong ones is told to wait. Any other text can only be a guess
 * at GATEWAY_API_KEY, which somebody chose: once an address has sent too many,
 * its further ones are not looked at, so that the right one has to wait as well.
 */
export class FailedAuthentications {
  readonly #guesses: RateLimiter;
  readonly #wrongKeys: RateLimiter;

  constructor(clock: Clock) {
    const limits = { clock, calls: FAILED_AUTHENTICATIONS, windowMs: WINDOW_MS };
    this.#guesses = new RateLimiter(limits);
    this.#wrongKeys = new RateLimiter(limits);
  }

  /** Counts a guess before it is looked at, so that a flood cannot slip through. Throws `rate_limited`. */
  begin(address: string, key: string): void {
    if (parseKey(key) !== null) return;
    const waitSeconds = this.#guesses.take(addressGroup(address));
    if (waitSeconds !== null) throw refuse(waitSeconds);
  }

  /** The key was good: it does not count. */
  succeed(address: string, key: string): void {
    if (parseKey(key) === null) this.#guesses.giveBack(addressGroup(address));
  }

  /** The key was not good. Throws `rate_limited` when the address has sent too many of that kind. */
  fail(address: string, key: string): void {
    if (parseKey(key) === null) return;
    const waitSeconds = this.#wrongKeys.take(addressGroup(address));
    if (waitSeconds !== null) throw refuse(waitSeconds);
  }
}
